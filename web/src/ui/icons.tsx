/** The page's few icons, drawn here: no icon font, no package. All take the colour of the text beside them. */

interface IconProps {
  readonly size?: number;
}

interface LineIconProps extends IconProps {
  readonly path: string;
}

const LineIcon = ({ size = 18, path }: LineIconProps) => (
  <svg width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
    <path d={path} />
  </svg>
);

export const Sun = (props: IconProps) => (
  <LineIcon {...props} path="M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M2 12h2M20 12h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4" />
);

export const Moon = (props: IconProps) => <LineIcon {...props} path="M20 14.5A8 8 0 0 1 9.5 4 8 8 0 1 0 20 14.5z" />;

export const Expand = (props: IconProps) => (
  <LineIcon {...props} path="M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5" />
);

export const Shrink = (props: IconProps) => (
  <LineIcon {...props} path="M9 4v5H4M15 4v5h5M9 20v-5H4M15 20v-5h5" />
);

/** A warning is a triangle, a critical alarm an octagon: the shape tells them apart without colour. */
export const Warning = ({ size = 20 }: IconProps) => (
  <svg width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
    <path fill="currentColor" fillRule="evenodd" d="M10.3 3.2a2 2 0 0 1 3.4 0l8.9 15A2 2 0 0 1 20.9 21H3.1a2 2 0 0 1-1.7-2.9zM10.8 9v5h2.4V9zm0 6.6V18h2.4v-2.4z" />
  </svg>
);

export const Critical = ({ size = 20 }: IconProps) => (
  <svg width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
    <path fill="currentColor" fillRule="evenodd" d="M7.9 1.5h8.2l6.4 6.4v8.2l-6.4 6.4H7.9l-6.4-6.4V7.9zM10.7 6v8h2.6V6zm0 9.8v2.6h2.6v-2.6z" />
  </svg>
);

export const Logo = ({ size = 32 }: IconProps) => (
  <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="7" fill="#16263d" />
    <path d="M5 22h22" stroke="#5b9dff" strokeWidth="3" strokeLinecap="round" />
    <path d="M9 22v-6M16 22V12M23 22v-6" stroke="#5b9dff" strokeWidth="2.4" />
    <circle cx="9" cy="12.5" r="3" fill="#fff" />
    <circle cx="16" cy="8.5" r="3" fill="#3ecf8e" />
    <circle cx="23" cy="12.5" r="3" fill="#fff" />
  </svg>
);

import { type MantineColorsTuple, createTheme } from "@mantine/core";

/** Fonts of the viewer's system only: a wall screen may have no way to the internet. */
export const FONTS =
  'system-ui, -apple-system, "Segoe UI", Roboto, Inter, "Noto Sans", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Micro Hei", sans-serif';

/** Mantine's greys of the dark scheme in the tone of the page's panels. */
const NIGHT: MantineColorsTuple = [
  "#dbe4f0",
  "#b9c5d6",
  "#94a3b8",
  "#74849b",
  "#35435a",
  "#28354a",
  "#1a2433",
  "#131b27",
  "#0b1018",
  "#070b11",
];

export const theme = createTheme({
  fontFamily: FONTS,
  colors: { dark: NIGHT },
  primaryColor: "blue",
  defaultRadius: "md",
});

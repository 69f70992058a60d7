/** Numbers and times as the viewer's locale writes them. */

export interface Format {
  readonly locale: string;
  count(value: number): string;
  /** A ratio of 0 to 1 as whole per cent; a dash while undefined. */
  percent(value: number | null): string;
  /** m:ss, from an hour on h:mm:ss; a dash without a value. */
  duration(ms: number | null): string;
  /** Time of day with seconds in the viewer's zone. */
  time(at: number): string;
  /** Time of day without seconds. */
  minute(at: number): string;
  /** Short name of the viewer's zone. */
  zone(at: number): string;
}

export const DASH = "–";

const two = (value: number): string => String(value).padStart(2, "0");

export function duration(ms: number | null): string {
  if (ms === null) return DASH;
  const total = Math.max(0, Math.floor(ms / 1000));
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  const seconds = two(total % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${seconds}` : `${minutes}:${seconds}`;
}

export function formatFor(locale: string, timeZone?: string): Format {
  const zone = timeZone === undefined ? {} : { timeZone };
  const counts = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  const percents = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 });
  const times = new Intl.DateTimeFormat(locale, { timeStyle: "medium", ...zone });
  const minutes = new Intl.DateTimeFormat(locale, { timeStyle: "short", ...zone });
  const zones = new Intl.DateTimeFormat(locale, { timeZoneName: "short", ...zone });
  return {
    locale,
    duration,
    count: (value) => counts.format(value),
    // 79.6 % is below a target of 80 %: rounding up would hide the alarm's reason.
    percent: (value) => (value === null ? DASH : percents.format(Math.floor(value * 100 + 1e-9) / 100)),
    time: (at) => times.format(at),
    minute: (at) => minutes.format(at),
    zone: (at) => zones.formatToParts(at).find((part) => part.type === "timeZoneName")?.value ?? "",
  };
}

/** Which language the page speaks. */

export const LANGUAGES = ["en", "zh-CN"] as const;

export type Language = (typeof LANGUAGES)[number];

const STORED_AS = "seatbus.language";

export const isLanguage = (value: unknown): value is Language => LANGUAGES.some((language) => language === value);

/** The first of the viewer's languages that the page has; any Chinese gets the simplified one. */
export function preferred(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const primary = tag.toLowerCase().split("-")[0];
    if (primary === "zh") return "zh-CN";
    if (primary === "en") return "en";
  }
  return "en";
}

/** `?lang=` for a wall screen nobody touches, then the last choice, then the browser's. */
export function initialLanguage(): Language {
  const asked = new URLSearchParams(window.location.search).get("lang");
  if (isLanguage(asked)) return asked;
  const stored = localStorage.getItem(STORED_AS);
  return isLanguage(stored) ? stored : preferred(navigator.languages);
}

export const keepLanguage = (language: Language): void => localStorage.setItem(STORED_AS, language);

/** Keeps the viewer's region for numbers and times where it belongs to the chosen language (en-GB, zh-SG). */
export function localeOf(language: Language, wanted: readonly string[]): string {
  const primary = language.split("-")[0] ?? language;
  return wanted.find((tag) => tag.toLowerCase().startsWith(`${primary}-`)) ?? language;
}

import i18next from "i18next";
import { createContext, useContext } from "react";
import { initReactI18next } from "react-i18next";
import { en } from "./en";
import { type Format, formatFor } from "./format";
import { type Language, initialLanguage, keepLanguage, localeOf } from "./language";
import { zhCN } from "./zh-CN";

declare module "i18next" {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
    keySeparator: false;
    nsSeparator: false;
  }
}

export function startTexts(): void {
  const language = initialLanguage();
  void i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: "en",
    resources: { en: { translation: en }, "zh-CN": { translation: zhCN } },
    keySeparator: false,
    nsSeparator: false,
    interpolation: { escapeValue: false },
    initAsync: false,
  });
  document.documentElement.lang = language;
}

export function changeLanguage(language: Language): void {
  keepLanguage(language);
  document.documentElement.lang = language;
  void i18next.changeLanguage(language);
}

export const formatOf = (language: Language): Format => formatFor(localeOf(language, navigator.languages));

export const FormatContext = createContext<Format>(formatFor("en"));

export const useFormat = (): Format => useContext(FormatContext);

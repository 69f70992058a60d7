import { expect, test } from "vitest";
import { en } from "./en";
import { duration, formatFor } from "./format";
import { localeOf, preferred } from "./language";
import { zhCN } from "./zh-CN";

const NB = /[\u00a0\u202f]/g;

test.each([
  [null, "–"],
  [0, "0:00"],
  [999, "0:00"],
  [61_000, "1:01"],
  [3_599_999, "59:59"],
  [3_600_000, "1:00:00"],
  [-5, "0:00"],
])("%s ms read as %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test("numbers follow the locale", () => {
  expect(formatFor("en").count(12_345)).toBe("12,345");
  expect(formatFor("de").count(12_345)).toBe("12.345");
  expect(formatFor("zh-CN").percent(0.805)).toBe("80%");
  expect(formatFor("en").percent(null)).toBe("–");
});

test("a percentage below its target never reads as the target", () => {
  expect(formatFor("en").percent(0.7999)).toBe("79%");
  expect(formatFor("en").percent(0.8)).toBe("80%");
  expect(formatFor("en").percent(0.29)).toBe("29%");
});

test("times are those of the viewer's zone", () => {
  const at = Date.parse("2026-03-02T10:15:30Z");
  expect(formatFor("zh-CN", "Asia/Shanghai").time(at)).toBe("18:15:30");
  expect(formatFor("en-US", "America/New_York").time(at).replace(NB, " ")).toBe("5:15:30 AM");
});

test("the browser's first known language is taken", () => {
  expect(preferred(["de-DE", "zh-TW", "en"])).toBe("zh-CN");
  expect(preferred(["en-GB", "zh"])).toBe("en");
  expect(preferred(["fr"])).toBe("en");
  expect(localeOf("en", ["de-DE", "en-GB"])).toBe("en-GB");
  expect(localeOf("zh-CN", ["en-GB"])).toBe("zh-CN");
});

test("both languages fill in the same blanks", () => {
  const blanks = (text: string): string[] => [...text.matchAll(/{{(\w+)}}/g)].map((match) => match[1] ?? "").sort();
  for (const key of Object.keys(en) as (keyof typeof en)[]) {
    expect(blanks(zhCN[key]), key).toEqual(blanks(en[key]));
  }
});

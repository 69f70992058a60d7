import { createTheme } from "@mantine/core";

/** Fonts of the viewer's system only: a wall screen may have no way to the internet. */
export const FONTS =
  'system-ui, -apple-system, "Segoe UI", Roboto, Inter, "Noto Sans", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Micro Hei", sans-serif';

export const theme = createTheme({
  fontFamily: FONTS,
  primaryColor: "blue",
  defaultRadius: "md",
});

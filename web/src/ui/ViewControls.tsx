import { ActionIcon, SegmentedControl, Tooltip, useMantineColorScheme } from "@mantine/core";
import { useFullscreenDocument } from "@mantine/hooks";
import { useTranslation } from "react-i18next";
import { changeLanguage } from "../i18n";
import { isLanguage } from "../i18n/language";
import { Expand, Moon, Shrink, Sun } from "./icons";

const CHOICES = [
  { value: "en", label: "EN" },
  { value: "zh-CN", label: "中文" },
];

/** Language, colours, full screen. */
export function ViewControls() {
  const { t, i18n } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { toggle, fullscreen } = useFullscreenDocument();
  const dark = colorScheme !== "light";
  const colours = t(dark ? "theme.toLight" : "theme.toDark");
  const screen = t(fullscreen ? "screen.leave" : "screen.enter");
  return (
    <>
      <SegmentedControl
        size="xs"
        aria-label={t("language.label")}
        data={CHOICES}
        value={i18n.language}
        onChange={(value) => {
          if (isLanguage(value)) changeLanguage(value);
        }}
      />
      <Tooltip label={colours}>
        <ActionIcon variant="default" size="lg" aria-label={colours} onClick={() => setColorScheme(dark ? "light" : "dark")}>
          {dark ? <Sun /> : <Moon />}
        </ActionIcon>
      </Tooltip>
      <Tooltip label={screen}>
        <ActionIcon variant="default" size="lg" aria-label={screen} onClick={() => void toggle()} visibleFrom="sm">
          {fullscreen ? <Shrink /> : <Expand />}
        </ActionIcon>
      </Tooltip>
    </>
  );
}

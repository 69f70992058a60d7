import { Button } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Link } from "../board/connection";
import { useFormat } from "../i18n";
import { Critical } from "../ui/icons";
import { useTick } from "../ui/useTick";
import styles from "./ConnectionBanner.module.css";

interface ConnectionBannerProps {
  readonly link: Link;
  /** Server time up to which the figures are true; null: there are none yet. */
  readonly asOf: number | null;
  readonly onRetry: () => void;
}

export function ConnectionBanner({ link, asOf, onRetry }: ConnectionBannerProps) {
  const { t } = useTranslation();
  const format = useFormat();
  if (link.status !== "lost") return null;
  return (
    <div className={styles.banner} data-testid="banner">
      <Critical size={26} />
      <strong role="alert" className={styles.text}>
        {asOf === null ? t("link.lost") : t("link.lostSince", { time: format.time(asOf) })}
      </strong>
      <Countdown retryAt={link.retryAt} />
      <Button size="xs" variant="white" color="dark" onClick={onRetry}>
        {t("link.retryNow")}
      </Button>
    </div>
  );
}

/** Apart from the alert, so that a screen reader does not read every second. */
function Countdown({ retryAt }: { readonly retryAt: number }) {
  const { t } = useTranslation();
  const seconds = Math.ceil((retryAt - useTick()) / 1000);
  return <span>{seconds > 0 ? t("link.retryIn", { seconds }) : t("link.retrying")}</span>;
}

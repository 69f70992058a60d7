import { useTranslation } from "react-i18next";
import { alarms } from "../board/alarms";
import type { QueueFigures } from "../board/wire";
import { Critical, Warning } from "../ui/icons";
import styles from "./AlarmBadges.module.css";

interface AlarmBadgesProps {
  readonly queue: QueueFigures;
  readonly now: number;
}

/** The alarm in words and with a shape of its own: colour is not the only sign. */
export function AlarmBadges({ queue, now }: AlarmBadgesProps) {
  const { t } = useTranslation();
  const raised = alarms([queue], now);
  if (raised.length === 0) return null;
  return (
    <span className={styles.badges}>
      {raised.map(({ kind, level }) => (
        <span key={kind} className={styles.badge} title={t(`alarm.${kind}.${level}`)} data-level={level} data-testid={`alarm-${queue.id}-${kind}`}>
          {level === "critical" ? <Critical /> : <Warning />}
          <span className={styles.text}>{t(`alarm.${kind}.${level}`)}</span>
        </span>
      ))}
    </span>
  );
}

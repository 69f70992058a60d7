import { Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { SERVICE_LEVEL_TARGET, serviceLevelLevel } from "../board/alarms";
import type { QueueFigures } from "../board/wire";
import { useFormat } from "../i18n";
import styles from "./ServiceLevel.module.css";

interface ServiceLevelProps {
  readonly queue: QueueFigures;
  readonly className?: string | undefined;
  readonly bar?: boolean;
}

/** The figure, its formula in the tooltip, and a bar with a mark at the target. */
export function ServiceLevel({ queue, className, bar = true }: ServiceLevelProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const level = serviceLevelLevel(queue.serviceLevel);
  const formula =
    queue.serviceLevel === null
      ? t("queue.serviceLevelUndefined", { seconds: queue.serviceLevelS })
      : t("queue.serviceLevelFormula", {
          seconds: queue.serviceLevelS,
          inTime: format.count(queue.answeredInTime),
          served: format.count(queue.answered + queue.abandoned),
        });
  return (
    <Tooltip label={formula} multiline maw={380} events={{ hover: true, focus: true, touch: true }}>
      <div tabIndex={0} className={styles.box} data-level={level}>
        <span className={className} data-testid="service-level">
          {format.percent(queue.serviceLevel)}
        </span>
        {bar ? (
          <>
            <span className={styles.track} aria-hidden="true">
              <span className={styles.fill} style={{ width: `${(queue.serviceLevel ?? 0) * 100}%` }} />
              <span className={styles.mark} style={{ left: `${SERVICE_LEVEL_TARGET * 100}%` }} />
            </span>
            <span className={styles.note}>
              {t(level === "none" ? "queue.serviceLevelTarget" : "queue.belowTarget", { level: format.percent(SERVICE_LEVEL_TARGET) })}
            </span>
          </>
        ) : null}
      </div>
    </Tooltip>
  );
}

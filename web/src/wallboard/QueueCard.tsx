import { Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { longestWait, queueLevel, serviceLevelLevel, waitLevel } from "../board/alarms";
import type { QueueFigures } from "../board/wire";
import { useFormat } from "../i18n";
import { AlarmBadges } from "./AlarmBadges";
import styles from "./QueueCard.module.css";
import { ServiceLevel } from "./ServiceLevel";

interface QueueCardProps {
  readonly queue: QueueFigures;
  readonly now: number;
}

export function QueueCard({ queue, now }: QueueCardProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const wait = longestWait(queue, now);
  const waitAlarm = waitLevel(wait, queue.serviceLevelS);
  return (
    <article className={styles.card} data-level={queueLevel(queue, now)} data-testid={`queue-${queue.id}`}>
      <header className={styles.head}>
        <h2 className={styles.name}>{queue.name}</h2>
        <AlarmBadges queue={queue} now={now} />
      </header>
      <div className={styles.big}>
        <div data-level={waitAlarm}>
          <span className={styles.label}>{t("queue.waiting")}</span>
          <span className={styles.huge} data-testid="waiting">
            {format.count(queue.waiting)}
          </span>
        </div>
        <div data-level={waitAlarm}>
          <span className={styles.label}>{t("queue.longestWait")}</span>
          <span className={styles.huge} data-testid="longest-wait">
            {format.duration(wait)}
          </span>
          <span className={styles.note} data-raised={waitAlarm !== "none" || undefined}>
            {t(waitAlarm === "none" ? "queue.target" : "queue.overTarget", { time: format.duration(queue.serviceLevelS * 1000) })}
          </span>
        </div>
        <div data-level={serviceLevelLevel(queue.serviceLevel)}>
          <span className={styles.label}>{t("queue.serviceLevel")}</span>
          <ServiceLevel queue={queue} className={styles.huge} />
        </div>
      </div>
      <dl className={styles.small}>
        <Small name="offered" label={t("queue.offered")} value={format.count(queue.offered)} />
        <Small name="answered" label={t("queue.answered")} value={format.count(queue.answered)} />
        <Small
          name="abandoned"
          label={t("queue.abandoned")}
          value={format.count(queue.abandoned)}
          hint={t("queue.abandonedShort", { count: queue.shortAbandoned })}
        />
        <Small name="talking" label={t("queue.talking")} value={format.count(queue.talking)} />
        <Small
          name="asa"
          label={t("queue.asa")}
          value={format.duration(queue.asaS === null ? null : Math.round(queue.asaS) * 1000)}
          hint={t("queue.asaLong")}
        />
      </dl>
    </article>
  );
}

interface SmallProps {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly hint?: string;
}

function Small({ name, label, value, hint }: SmallProps) {
  return (
    <Tooltip label={hint ?? label} disabled={hint === undefined} multiline maw={320} events={{ hover: true, focus: true, touch: true }}>
      <div tabIndex={hint === undefined ? undefined : 0}>
        <dt className={styles.label}>{label}</dt>
        <dd className={styles.figure} data-testid={name}>
          {value}
        </dd>
      </div>
    </Tooltip>
  );
}

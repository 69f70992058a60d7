import { useTranslation } from "react-i18next";
import { longestWait, queueLevel, waitLevel } from "../board/alarms";
import type { QueueFigures } from "../board/wire";
import { useFormat } from "../i18n";
import { AlarmBadges } from "./AlarmBadges";
import styles from "./QueueTable.module.css";
import { ServiceLevel } from "./ServiceLevel";

interface QueueTableProps {
  readonly queues: readonly QueueFigures[];
  readonly now: number;
}

export function QueueTable({ queues, now }: QueueTableProps) {
  const { t } = useTranslation();
  return (
    <section className={styles.panel} aria-label={t("queues.label")}>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">{t("queue.name")}</th>
            <th scope="col">{t("queue.waiting")}</th>
            <th scope="col">{t("queue.longestWait")}</th>
            <th scope="col">{t("queue.serviceLevel")}</th>
            <th scope="col">{t("queue.offered")}</th>
            <th scope="col">{t("queue.answered")}</th>
            <th scope="col">{t("queue.abandoned")}</th>
            <th scope="col">{t("queue.talking")}</th>
            <th scope="col">{t("queue.asa")}</th>
          </tr>
        </thead>
        <tbody>
          {queues.map((queue) => (
            <Row key={queue.id} queue={queue} now={now} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Row({ queue, now }: { readonly queue: QueueFigures; readonly now: number }) {
  const format = useFormat();
  const wait = longestWait(queue, now);
  return (
    <tr data-level={queueLevel(queue, now)} data-testid={`queue-${queue.id}`}>
      <th scope="row">
        <span className={styles.name}>
          {queue.name}
          <span className={styles.badges}>
            <AlarmBadges queue={queue} now={now} />
          </span>
        </span>
      </th>
      <td className={styles.strong} data-testid="waiting">
        {format.count(queue.waiting)}
      </td>
      <td className={styles.strong} data-level={waitLevel(wait, queue.serviceLevelS)} data-testid="longest-wait">
        {format.duration(wait)}
      </td>
      <td className={styles.strong}>
        <ServiceLevel queue={queue} bar={false} />
      </td>
      <td>{format.count(queue.offered)}</td>
      <td>{format.count(queue.answered)}</td>
      <td>{format.count(queue.abandoned)}</td>
      <td>{format.count(queue.talking)}</td>
      <td>{format.duration(queue.asaS === null ? null : Math.round(queue.asaS) * 1000)}</td>
    </tr>
  );
}

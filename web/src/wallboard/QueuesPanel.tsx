import { useTranslation } from "react-i18next";
import { byLevel, queueLevel } from "../board/alarms";
import type { QueueFigures } from "../board/wire";
import { Empty } from "./Empty";
import { QueueCard } from "./QueueCard";
import { QueueTable } from "./QueueTable";
import styles from "./Wallboard.module.css";

/** Up to here each queue gets a card that can be read from across the room; beyond, a row. */
const CARDS_AT_MOST = 6;

interface QueuesPanelProps {
  readonly queues: readonly QueueFigures[];
  readonly now: number;
}

export function QueuesPanel({ queues, now }: QueuesPanelProps) {
  const { t } = useTranslation();
  if (queues.length === 0) return <Empty title={t("queues.empty")} hint={t("queues.emptyHint")} />;
  if (queues.length <= CARDS_AT_MOST) {
    return (
      <section className={styles.cards} data-count={queues.length} aria-label={t("queues.label")}>
        {queues.map((queue) => (
          <QueueCard key={queue.id} queue={queue} now={now} />
        ))}
      </section>
    );
  }
  // A long list may not fit the screen: what is in alarm comes first.
  const sorted = [...queues].sort((one, other) => byLevel(queueLevel(one, now), queueLevel(other, now)));
  return <QueueTable queues={sorted} now={now} />;
}

import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { type AlarmLevel, serviceLevelLevel, waitLevel } from "../board/alarms";
import { countByGroup } from "../board/agents";
import type { BoardState } from "../board/state";
import type { Totals } from "../board/totals";
import { useFormat } from "../i18n";
import styles from "./TotalsStrip.module.css";

interface TotalsStripProps {
  readonly totals: Totals;
  readonly state: BoardState;
}

export function TotalsStrip({ totals, state }: TotalsStripProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const agents = countByGroup(state.agents.values());
  const longest = totals.longestWaitQueueId === null ? undefined : state.queues.get(totals.longestWaitQueueId);
  const waitAlarm = longest === undefined ? "none" : waitLevel(totals.longestWaitMs, longest.serviceLevelS);
  return (
    <section className={styles.strip} aria-label={t("totals.label")}>
      <Tile name="waiting" label={t("totals.waiting")} note={longest === undefined ? t("totals.nobody") : ""}>
        {format.count(totals.waiting)}
      </Tile>
      <Tile name="longest-wait" label={t("totals.longestWait")} note={longest?.name ?? ""} level={waitAlarm}>
        {format.duration(totals.longestWaitMs)}
      </Tile>
      <Tile name="service-level" label={t("totals.serviceLevel")} note={t("totals.today")} level={serviceLevelLevel(totals.serviceLevel)}>
        {format.percent(totals.serviceLevel)}
      </Tile>
      <Tile name="offered" label={t("totals.offered")} note={t("totals.today")}>
        {format.count(totals.offered)}
      </Tile>
      <Tile name="answered" label={t("totals.answered")} note={t("totals.today")}>
        {format.count(totals.answered)}
      </Tile>
      <Tile
        name="abandoned"
        label={t("totals.abandoned")}
        note={totals.abandonRate === null ? t("totals.today") : t("totals.rate", { rate: format.percent(totals.abandonRate) })}
      >
        {format.count(totals.abandoned)}
      </Tile>
      <Tile name="calls-now" label={t("totals.callsNow")}>
        {format.count(state.callsNow)}
      </Tile>
      <Tile
        name="agents-ready"
        label={t("totals.agentsReady")}
        note={t("totals.agentsOf", { count: state.agents.size - agents.logged_out })}
      >
        {format.count(agents.ready)}
      </Tile>
    </section>
  );
}

interface TileProps {
  readonly name: string;
  readonly label: string;
  readonly note?: string;
  readonly level?: AlarmLevel;
  readonly children: ReactNode;
}

function Tile({ name, label, note = "", level = "none", children }: TileProps) {
  return (
    <div className={styles.tile} data-level={level} data-testid={`total-${name}`}>
      <span className={styles.label}>{label}</span>
      <span className={styles.value}>{children}</span>
      <span className={styles.note}>{note}</span>
    </div>
  );
}

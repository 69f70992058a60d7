import { Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Suspense, lazy, useEffect, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { alarms } from "../board/alarms";
import { totals } from "../board/totals";
import { type Board, useBoard } from "../board/useBoard";
import { useFormat } from "../i18n";
import { Refusal } from "../session/KeyForm";
import { listTenants } from "../session/api";
import { useTick } from "../ui/useTick";
import { AgentsPanel } from "./AgentsPanel";
import { AlarmAnnouncer } from "./AlarmAnnouncer";
import { ConnectionBanner } from "./ConnectionBanner";
import { EmergencyBanner } from "./EmergencyBanner";
import { Header } from "./Header";
import { QueuesPanel } from "./QueuesPanel";
import { TotalsStrip } from "./TotalsStrip";
import styles from "./Wallboard.module.css";

/** ECharts is most of the page's bytes: the figures do not wait for it. */
const MinutesChart = lazy(() => import("./MinutesChart"));

interface WallboardProps {
  readonly tenant: string;
  readonly apiKey: string;
  readonly onTenant: (tenant: string) => void;
  readonly onLeave: () => void;
}

export function Wallboard({ tenant, apiKey, onTenant, onLeave }: WallboardProps) {
  const { t } = useTranslation();
  const board = useBoard(tenant, apiKey);
  const tenants = useQuery({
    queryKey: ["tenants", apiKey],
    queryFn: () => listTenants(apiKey),
    staleTime: 60_000,
    enabled: board.link.status === "live",
  });

  if (board.link.status === "refused") return <Refusal text={t("key.refused", { tenant })} onLeave={onLeave} />;
  if (board.link.status === "unknown") return <Refusal text={t("tenant.unknown", { tenant })} onLeave={onLeave} />;
  return (
    <div className={styles.page}>
      <Header tenant={tenant} tenants={tenants.data ?? []} link={board.link} offset={board.offset} onTenant={onTenant} />
      <ConnectionBanner link={board.link} asOf={board.state?.at ?? null} onRetry={board.retryNow} />
      <Figures board={board} tenant={tenant} />
    </div>
  );
}

function Figures({ board, tenant }: { readonly board: Board; readonly tenant: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const tick = useTick();
  const { state, link } = board;
  const live = link.status === "live";
  // Stale figures stand still: a wait that ticks on without news would be an invention.
  const now = state === null ? 0 : live ? Math.max(tick + board.offset, state.at) : state.at;
  const compare = useMemo(() => new Intl.Collator(format.locale, { numeric: true }).compare, [format.locale]);
  const queues = useMemo(
    () => [...(state?.queues.values() ?? [])].sort((one, other) => compare(one.name, other.name)),
    [state?.queues, compare],
  );
  const raised = useMemo(() => alarms(queues, now), [queues, now]);

  useEffect(() => {
    const sign = live ? (raised.length > 0 ? `(${raised.length}) ` : "") : "⚠ ";
    document.title = `${sign}${t("app.title")} · ${tenant}`;
  }, [live, raised.length, t, tenant]);

  if (state === null) {
    return (
      <div className={styles.loading} role="status">
        <Loader type="dots" /> {t("app.loading")}
      </div>
    );
  }
  return (
    <main className={styles.board} data-stale={live ? undefined : true} data-testid="board">
      <EmergencyBanner emergencies={state.emergencies} agents={state.agents} now={now} />
      <AlarmAnnouncer alarms={raised} queues={state.queues} />
      <TotalsStrip totals={totals(state, now)} state={state} />
      <div className={styles.columns}>
        <div className={styles.main}>
          <QueuesPanel queues={queues} now={now} />
          <Suspense fallback={<section className={styles.panel} aria-busy="true" />}>
            <MinutesChart minutes={state.minutes} queues={queues} now={now} />
          </Suspense>
        </div>
        <AgentsPanel agents={state.agents} queues={state.queues} now={now} />
      </div>
    </main>
  );
}

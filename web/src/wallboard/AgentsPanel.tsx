import { type TFunction } from "i18next";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { AGENT_GROUPS, countByGroup, groupOf, knownState, sortedAgents } from "../board/agents";
import type { AgentFigures, QueueFigures } from "../board/wire";
import { useFormat } from "../i18n";
import { en } from "../i18n/en";
import styles from "./AgentsPanel.module.css";
import { Empty } from "./Empty";

/** More names than this are no use on a wall, and each ticks every second. */
const SHOWN_AT_MOST = 200;

interface AgentsPanelProps {
  readonly agents: ReadonlyMap<string, AgentFigures>;
  readonly queues: ReadonlyMap<string, QueueFigures>;
  readonly now: number;
}

export function AgentsPanel({ agents, queues, now }: AgentsPanelProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const sorted = useMemo(() => sortedAgents(agents.values(), format.locale), [agents, format.locale]);
  const counts = useMemo(() => countByGroup(agents.values()), [agents]);
  if (agents.size === 0) return <Empty title={t("agents.empty")} hint={t("agents.emptyHint")} />;
  return (
    <section className={styles.panel} aria-label={t("agents.label")}>
      <header className={styles.head}>
        <h2 className={styles.title}>{t("agents.label")}</h2>
        <span className={styles.total}>{format.count(agents.size)}</span>
      </header>
      <div className={styles.bar} aria-hidden="true">
        {AGENT_GROUPS.filter((group) => counts[group] > 0).map((group) => (
          <span key={group} style={{ flexGrow: counts[group], background: `var(--${group})` }} />
        ))}
      </div>
      <dl className={styles.counts}>
        {AGENT_GROUPS.map((group) => (
          <div key={group} data-empty={counts[group] === 0 || undefined}>
            <dt>
              <span className={styles.dot} style={{ background: `var(--${group})` }} aria-hidden="true" />
              {t(`group.${group}`)}
            </dt>
            <dd data-testid={`agents-${group}`}>{format.count(counts[group])}</dd>
          </div>
        ))}
      </dl>
      <ul className={styles.list}>
        {sorted.slice(0, SHOWN_AT_MOST).map((agent) => (
          <AgentLine key={agent.id} agent={agent} queue={queues.get(agent.queueId)} now={now} />
        ))}
        {sorted.length > SHOWN_AT_MOST ? (
          <li className={styles.more}>{t("agents.more", { count: sorted.length - SHOWN_AT_MOST })}</li>
        ) : null}
      </ul>
    </section>
  );
}

/** Reasons are the tenant's own words, but for the platform's few. */
function reasonText(t: TFunction, reason: string): string {
  const key = `reason.${reason}`;
  return key in en ? t(key as keyof typeof en) : reason.replaceAll("_", " ");
}

interface AgentLineProps {
  readonly agent: AgentFigures;
  readonly queue: QueueFigures | undefined;
  readonly now: number;
}

function AgentLine({ agent, queue, now }: AgentLineProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const state = knownState(agent.state);
  const name = state === "other" ? agent.state.replaceAll("_", " ") : t(`state.${state}`);
  const detail = agent.reason === "" ? queue?.name : reasonText(t, agent.reason);
  const group = groupOf(agent.state);
  return (
    <li className={styles.agent} data-group={group} data-testid={`agent-${agent.id}`}>
      <span className={styles.stripe} style={{ background: `var(--${group})` }} aria-hidden="true" />
      <span className={styles.name}>{agent.name}</span>
      <span className={styles.time} data-testid="since">
        {format.duration(agent.since === null ? null : Math.max(0, now - agent.since))}
      </span>
      <span className={styles.state}>
        {name}
        {detail === undefined ? null : <span className={styles.detail}> · {detail}</span>}
      </span>
    </li>
  );
}

/** Agents by the state that a board shows. */

import type { AgentFigures } from "./wire";

/** In the order of the board: who can take a call, who has one, who will be back, who is away. */
export const AGENT_STATES = [
  "ready",
  "reserved",
  "ringing",
  "dialing",
  "talking",
  "held",
  "consulting",
  "conferenced",
  "wrap_up",
  "not_ready",
  "logged_out",
] as const;

export type AgentState = (typeof AGENT_STATES)[number] | "other";

/** The few colours and counts a viewer can tell apart from across a room. */
export const AGENT_GROUPS = ["ready", "alerting", "talking", "wrap_up", "not_ready", "logged_out"] as const;

export type AgentGroup = (typeof AGENT_GROUPS)[number];

const GROUP: Readonly<Record<AgentState, AgentGroup>> = {
  ready: "ready",
  reserved: "alerting",
  ringing: "alerting",
  dialing: "alerting",
  talking: "talking",
  held: "talking",
  consulting: "talking",
  conferenced: "talking",
  wrap_up: "wrap_up",
  not_ready: "not_ready",
  other: "not_ready",
  logged_out: "logged_out",
};

const RANK: ReadonlyMap<string, number> = new Map(AGENT_STATES.map((state, rank) => [state, rank]));

/** A state this page does not know yet is shown as it is named, in the group of those who take no calls. */
export const knownState = (state: string): AgentState => (RANK.has(state) ? (state as AgentState) : "other");

export const groupOf = (state: string): AgentGroup => GROUP[knownState(state)];

/** Behind every time: an agent whose state has no start. */
const LAST = Number.MAX_SAFE_INTEGER;

const groupRank = (state: string): number => AGENT_GROUPS.indexOf(groupOf(state));

/** By group, then the longest in its state first, then by name. */
export function sortedAgents(agents: Iterable<AgentFigures>, locale?: string): AgentFigures[] {
  const compareNames = new Intl.Collator(locale, { numeric: true }).compare;
  return [...agents].sort(
    (one, other) =>
      groupRank(one.state) - groupRank(other.state) ||
      (one.since ?? LAST) - (other.since ?? LAST) ||
      compareNames(one.name, other.name),
  );
}

export function countByGroup(agents: Iterable<AgentFigures>): Readonly<Record<AgentGroup, number>> {
  const counts: Record<AgentGroup, number> = {
    ready: 0,
    alerting: 0,
    talking: 0,
    wrap_up: 0,
    not_ready: 0,
    logged_out: 0,
  };
  for (const agent of agents) counts[groupOf(agent.state)] += 1;
  return counts;
}

/** The board as a fold of its updates. */

import { keepMinutes, type MinuteTable } from "./minutes";
import type { AgentFigures, BoardUpdate, EmergencyCall, QueueFigures } from "./wire";

export interface BoardState {
  readonly queues: ReadonlyMap<string, QueueFigures>;
  readonly agents: ReadonlyMap<string, AgentFigures>;
  readonly minutes: MinuteTable;
  readonly callsNow: number;
  readonly emergencies: readonly EmergencyCall[];
  /** Server time of the newest message: the figures are true as of then. */
  readonly at: number;
}

function merged<T extends { readonly id: string }>(
  before: ReadonlyMap<string, T>,
  changed: readonly T[],
  removed: readonly string[],
): ReadonlyMap<string, T> {
  if (changed.length === 0 && removed.length === 0) return before;
  const after = new Map(before);
  for (const item of changed) after.set(item.id, item);
  for (const id of removed) after.delete(id);
  return after;
}

/**
 * The state after one update. Null as long as no snapshot was seen: a delta alone says nothing about the rest.
 * A snapshot replaces everything, so a removal missed while disconnected cannot leave a ghost.
 */
export function fold(state: BoardState | null, update: BoardUpdate): BoardState | null {
  switch (update.kind) {
    case "snapshot":
      return {
        queues: merged(new Map(), update.queues, []),
        agents: merged(new Map(), update.agents, []),
        minutes: keepMinutes(new Map(), update.minutes, update.at),
        callsNow: update.callsNow ?? 0,
        emergencies: update.emergencies ?? [],
        at: update.at,
      };
    case "delta":
      if (state === null) return null;
      return {
        queues: merged(state.queues, update.queues, update.removedQueueIds),
        agents: merged(state.agents, update.agents, update.removedAgentIds),
        minutes: keepMinutes(state.minutes, update.minutes, update.at, update.removedQueueIds),
        callsNow: update.callsNow ?? state.callsNow,
        emergencies: update.emergencies ?? state.emergencies,
        at: Math.max(state.at, update.at),
      };
    case "heartbeat":
      return state === null ? null : { ...state, at: Math.max(state.at, update.at) };
  }
}

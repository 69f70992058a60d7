/** The tenant's figures over all queues. */

import type { BoardState } from "./state";
import { longestWait } from "./alarms";

export interface Totals {
  readonly waiting: number;
  readonly longestWaitMs: number | null;
  readonly longestWaitQueueId: string | null;
  readonly offered: number;
  readonly answered: number;
  readonly abandoned: number;
  /** Of calls, not of queues: Σ answered within T ÷ Σ (answered + abandoned). */
  readonly serviceLevel: number | null;
  /** abandoned ÷ (answered + abandoned) */
  readonly abandonRate: number | null;
}

export function totals(state: BoardState, now: number): Totals {
  let waiting = 0;
  let offered = 0;
  let answered = 0;
  let abandoned = 0;
  let inTime = 0;
  let longestWaitMs: number | null = null;
  let longestWaitQueueId: string | null = null;
  for (const queue of state.queues.values()) {
    waiting += queue.waiting;
    offered += queue.offered;
    answered += queue.answered;
    abandoned += queue.abandoned;
    inTime += queue.answeredInTime;
    const wait = longestWait(queue, now);
    if (wait !== null && (longestWaitMs === null || wait > longestWaitMs)) {
      longestWaitMs = wait;
      longestWaitQueueId = queue.id;
    }
  }
  const served = answered + abandoned;
  return {
    waiting,
    longestWaitMs,
    longestWaitQueueId,
    offered,
    answered,
    abandoned,
    serviceLevel: served === 0 ? null : inTime / served,
    abandonRate: served === 0 ? null : abandoned / served,
  };
}

/** The last 30 minutes by queue and minute. */

import type { MinuteFigures } from "./wire";

export const MINUTE_MS = 60_000;
export const MINUTES_SHOWN = 30;

/** Queue id → start of the minute in ms → figures. */
export type MinuteTable = ReadonlyMap<string, ReadonlyMap<number, MinuteFigures>>;

export interface MinuteSum {
  readonly minute: number;
  readonly offered: number;
  readonly answered: number;
  readonly abandoned: number;
  /** Of several queues: the most that waited in any one of them (their peaks need not coincide, so they have no sum). */
  readonly waitingMax: number;
}

export const startOfMinute = (at: number): number => Math.floor(at / MINUTE_MS) * MINUTE_MS;

const firstShown = (now: number): number => startOfMinute(now) - (MINUTES_SHOWN - 1) * MINUTE_MS;

/** A later point of the same minute replaces the earlier one: points carry totals, not increments. */
export function keepMinutes(
  table: MinuteTable,
  points: readonly MinuteFigures[],
  now: number,
  removedQueueIds: readonly string[] = [],
): MinuteTable {
  if (points.length === 0 && removedQueueIds.length === 0) return table;
  const oldest = firstShown(now);
  const after = new Map(table);
  for (const id of removedQueueIds) after.delete(id);
  const touched = new Set(points.map((point) => point.queueId));
  for (const id of touched) {
    const kept = new Map([...(table.get(id) ?? [])].filter(([minute]) => minute >= oldest));
    for (const point of points) {
      if (point.queueId === id && point.minute >= oldest) kept.set(startOfMinute(point.minute), point);
    }
    after.set(id, kept);
  }
  return after;
}

/** Exactly 30 points, oldest first, the last one is the minute of `now`; minutes without figures are zero. */
export function lastMinutes(table: MinuteTable, now: number, queueId: string | null = null): MinuteSum[] {
  const queues = queueId === null ? [...table.values()] : [table.get(queueId) ?? new Map<number, MinuteFigures>()];
  const oldest = firstShown(now);
  return Array.from({ length: MINUTES_SHOWN }, (_, index) => {
    const minute = oldest + index * MINUTE_MS;
    const sum = { minute, offered: 0, answered: 0, abandoned: 0, waitingMax: 0 };
    for (const points of queues) {
      const point = points.get(minute);
      if (point === undefined) continue;
      sum.offered += point.offered;
      sum.answered += point.answered;
      sum.abandoned += point.abandoned;
      sum.waitingMax = Math.max(sum.waitingMax, point.waitingMax);
    }
    return sum;
  });
}

/** When a queue's figures become an alarm. */

import type { QueueFigures } from "./wire";

export type AlarmLevel = "none" | "warning" | "critical";
export type AlarmKind = "wait" | "service_level";

export interface Alarm {
  readonly queueId: string;
  readonly kind: AlarmKind;
  readonly level: Exclude<AlarmLevel, "none">;
}

export const SERVICE_LEVEL_TARGET = 0.8;
export const SERVICE_LEVEL_CRITICAL = 0.6;
export const WAIT_CRITICAL_FACTOR = 2;

const RANK: Readonly<Record<AlarmLevel, number>> = { none: 0, warning: 1, critical: 2 };

export const worse = (one: AlarmLevel, other: AlarmLevel): AlarmLevel => (RANK[one] >= RANK[other] ? one : other);

export const byLevel = (one: AlarmLevel, other: AlarmLevel): number => RANK[other] - RANK[one];

/** Milliseconds the longest waiting caller has waited; null: nobody waits. */
export function longestWait(queue: Pick<QueueFigures, "waiting" | "oldestEnqueuedAt">, now: number): number | null {
  if (queue.waiting === 0 || queue.oldestEnqueuedAt === null) return null;
  return Math.max(0, now - queue.oldestEnqueuedAt);
}

export function waitLevel(waitMs: number | null, targetS: number): AlarmLevel {
  if (waitMs === null || waitMs <= targetS * 1000) return "none";
  return waitMs > WAIT_CRITICAL_FACTOR * targetS * 1000 ? "critical" : "warning";
}

export function serviceLevelLevel(serviceLevel: number | null): AlarmLevel {
  if (serviceLevel === null || serviceLevel >= SERVICE_LEVEL_TARGET) return "none";
  return serviceLevel < SERVICE_LEVEL_CRITICAL ? "critical" : "warning";
}

export function queueLevel(queue: QueueFigures, now: number): AlarmLevel {
  return worse(waitLevel(longestWait(queue, now), queue.serviceLevelS), serviceLevelLevel(queue.serviceLevel));
}

/** Worst first; of the same level in the order of the queues. */
export function alarms(queues: Iterable<QueueFigures>, now: number): Alarm[] {
  const found: Alarm[] = [];
  for (const queue of queues) {
    const wait = waitLevel(longestWait(queue, now), queue.serviceLevelS);
    if (wait !== "none") found.push({ queueId: queue.id, kind: "wait", level: wait });
    const level = serviceLevelLevel(queue.serviceLevel);
    if (level !== "none") found.push({ queueId: queue.id, kind: "service_level", level });
  }
  return found.sort((one, other) => byLevel(one.level, other.level));
}

import { expect, test } from "vitest";
import { alarms, longestWait, queueLevel, serviceLevelLevel, waitLevel } from "./alarms";
import { T0, queueJson, updateJson } from "./fixtures";
import { type QueueFigures, readUpdate } from "./wire";

const queue = (id: string, fields: Readonly<Record<string, unknown>>): QueueFigures => {
  const read = readUpdate(updateJson("delta", T0, { queues: [queueJson(id, fields)] })).queues[0];
  if (read === undefined) throw new Error("no queue");
  return read;
};

const waitingFor = (seconds: number) => ({ waiting: 1, oldest_enqueued_at: new Date(T0 - seconds * 1000).toISOString() });

test.each([
  [null, "none"],
  [20_000, "none"],
  [20_001, "warning"],
  [40_000, "warning"],
  [40_001, "critical"],
])("a longest wait of %s ms against T = 20 s is %s", (wait, level) => {
  expect(waitLevel(wait, 20)).toBe(level);
});

test.each([
  [null, "none"],
  [1, "none"],
  [0.8, "none"],
  [0.7999, "warning"],
  [0.6, "warning"],
  [0.5999, "critical"],
  [0, "critical"],
])("a service level of %s is %s", (serviceLevel, level) => {
  expect(serviceLevelLevel(serviceLevel)).toBe(level);
});

test("the longest wait grows with the clock and is never negative", () => {
  const figures = queue("q", waitingFor(10));
  expect(longestWait(figures, T0)).toBe(10_000);
  expect(longestWait(figures, T0 + 15_000)).toBe(25_000);
  expect(longestWait(figures, T0 - 60_000)).toBe(0);
  expect(longestWait(queue("q", {}), T0)).toBeNull();
});

test("an alarm is raised by the passing of time alone", () => {
  const figures = queue("q", waitingFor(19));
  expect(queueLevel(figures, T0)).toBe("none");
  expect(queueLevel(figures, T0 + 2_000)).toBe("warning");
  expect(queueLevel(figures, T0 + 22_000)).toBe("critical");
});

test("alarms come worst first", () => {
  const found = alarms([queue("a", { ...waitingFor(30) }), queue("b", { ...waitingFor(90), service_level: 0.7 }), queue("c", {})], T0);
  expect(found).toEqual([
    { queueId: "b", kind: "wait", level: "critical" },
    { queueId: "a", kind: "wait", level: "warning" },
    { queueId: "b", kind: "service_level", level: "warning" },
  ]);
});

import { expect, test } from "vitest";
import { T0 } from "./fixtures";
import { MINUTE_MS, keepMinutes, lastMinutes, startOfMinute } from "./minutes";
import type { MinuteFigures } from "./wire";

const NOW = startOfMinute(T0);

const point = (queueId: string, ago: number, waitingMax: number): MinuteFigures => ({
  queueId,
  minute: NOW - ago * MINUTE_MS,
  offered: 2,
  answered: 1,
  abandoned: 1,
  waitingMax,
});

const TABLE = keepMinutes(new Map(), [point("sales", 0, 2), point("support", 0, 5), point("sales", 29, 1), point("sales", 30, 9)], T0);

test("there are always thirty points, the last is the current minute", () => {
  const points = lastMinutes(TABLE, T0);
  expect(points).toHaveLength(30);
  expect(points.at(-1)?.minute).toBe(NOW);
  expect(points[0]?.minute).toBe(NOW - 29 * MINUTE_MS);
  expect(lastMinutes(new Map(), T0).every(({ offered, waitingMax }) => offered === 0 && waitingMax === 0)).toBe(true);
});

test("calls of all queues are added, the peaks of waiting are not", () => {
  expect(lastMinutes(TABLE, T0).at(-1)).toEqual({ minute: NOW, offered: 4, answered: 2, abandoned: 2, waitingMax: 5 });
});

test("one queue can be looked at alone", () => {
  expect(lastMinutes(TABLE, T0, "sales").at(-1)).toMatchObject({ offered: 2, waitingMax: 2 });
  expect(lastMinutes(TABLE, T0, "unknown").at(-1)).toMatchObject({ offered: 0 });
});

test("the window moves on with the clock when no message comes", () => {
  const points = lastMinutes(TABLE, T0 + MINUTE_MS);
  expect(points.at(-1)).toMatchObject({ minute: NOW + MINUTE_MS, offered: 0 });
  expect(points.at(-2)).toMatchObject({ minute: NOW, offered: 4 });
});

test("what is older than the window is not kept", () => {
  expect(TABLE.get("sales")?.size).toBe(2);
});

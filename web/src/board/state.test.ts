import { expect, test } from "vitest";
import { T0, agentJson, minuteJson, queueJson, updateJson } from "./fixtures";
import { MINUTE_MS, lastMinutes, startOfMinute } from "./minutes";
import { type BoardState, fold } from "./state";
import { readUpdate } from "./wire";

const after = (...messages: unknown[]): BoardState | null =>
  messages.reduce<BoardState | null>((state, json) => fold(state, readUpdate(json)), null);

const SNAPSHOT = updateJson("snapshot", T0, {
  queues: [queueJson("sales", { waiting: 1 }), queueJson("support", { waiting: 3 })],
  agents: [agentJson("a1", "ready"), agentJson("a2", "talking")],
  minutes: [minuteJson("sales", startOfMinute(T0), { offered: 2 }), minuteJson("support", startOfMinute(T0), { offered: 1 })],
  calls_now: 5,
});

test("nothing is shown before the first snapshot", () => {
  expect(after(updateJson("delta", T0, { queues: [queueJson("sales")] }))).toBeNull();
  expect(after(updateJson("heartbeat", T0))).toBeNull();
});

test("a delta changes what it names and leaves the rest alone", () => {
  const before = after(SNAPSHOT);
  const state = fold(before, readUpdate(updateJson("delta", T0 + 900, { queues: [queueJson("sales", { waiting: 2 })], calls_now: 6 })));
  expect(state?.queues.get("sales")?.waiting).toBe(2);
  expect(state?.queues.get("support")).toBe(before?.queues.get("support"));
  expect(state?.agents).toBe(before?.agents);
  expect(state).toMatchObject({ callsNow: 6, at: T0 + 900 });
});

test("removed queues take their minutes with them, removed agents disappear", () => {
  const state = after(SNAPSHOT, updateJson("delta", T0 + 1, { removed_queue_ids: ["support"], removed_agent_ids: ["a2", "unknown"] }));
  expect([...(state?.queues.keys() ?? [])]).toEqual(["sales"]);
  expect([...(state?.agents.keys() ?? [])]).toEqual(["a1"]);
  expect(lastMinutes(state?.minutes ?? new Map(), T0).at(-1)?.offered).toBe(2);
});

test("a new snapshot replaces everything", () => {
  const state = after(SNAPSHOT, updateJson("snapshot", T0 + 60_000, { queues: [queueJson("sales")] }));
  expect([...(state?.queues.keys() ?? [])]).toEqual(["sales"]);
  expect(state?.agents.size).toBe(0);
  expect(lastMinutes(state?.minutes ?? new Map(), T0 + 60_000).every((point) => point.offered === 0)).toBe(true);
});

test("a heartbeat moves the time and nothing else", () => {
  const before = after(SNAPSHOT);
  const state = fold(before, readUpdate(updateJson("heartbeat", T0 + 5_000)));
  expect(state).toEqual({ ...before, at: T0 + 5_000 });
});

test("the time never goes back", () => {
  expect(after(SNAPSHOT, updateJson("delta", T0 - 5_000))?.at).toBe(T0);
});

test("a minute's later point replaces the earlier one", () => {
  const minute = startOfMinute(T0);
  const state = after(SNAPSHOT, updateJson("delta", T0 + 1, { minutes: [minuteJson("sales", minute, { offered: 3, waiting_max: 4 })] }));
  expect(lastMinutes(state?.minutes ?? new Map(), T0).at(-1)).toMatchObject({ offered: 4, waitingMax: 4 });
});

test("minutes roll out of the table after half an hour", () => {
  const minute = startOfMinute(T0);
  const later = minute + 30 * MINUTE_MS;
  const state = after(SNAPSHOT, updateJson("delta", later, { minutes: [minuteJson("sales", later, { offered: 1 })] }));
  expect([...(state?.minutes.get("sales")?.keys() ?? [])]).toEqual([later]);
});

test("calls for help are those of the newest message that speaks of calls", () => {
  const help = { call_id: "c1", number: "112", agent_id: "a1", seat_id: "s1", branch_id: "main", since: new Date(T0).toISOString() };
  const running = after(SNAPSHOT, updateJson("delta", T0 + 1, { emergencies: [help] }));
  expect(running?.emergencies).toEqual([
    { callId: "c1", number: "112", agentId: "a1", seatId: "s1", branchId: "main", since: T0 },
  ]);
  expect(fold(running, readUpdate(updateJson("heartbeat", T0 + 2)))?.emergencies).toBe(running?.emergencies);
  expect(fold(running, readUpdate(updateJson("delta", T0 + 3)))?.emergencies).toEqual([]);
});

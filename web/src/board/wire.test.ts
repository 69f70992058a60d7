import { expect, test } from "vitest";
import { T0, agentJson, minuteJson, queueJson, updateJson } from "./fixtures";
import { WireError, readUpdate } from "./wire";

test("a snapshot's figures are read with times in milliseconds", () => {
  const update = readUpdate(
    updateJson("snapshot", T0, {
      queues: [queueJson("sales", { waiting: 2, oldest_enqueued_at: "2026-03-02T10:15:12.345678Z", service_level: 0.75, asa_s: 7.5 })],
      agents: [agentJson("a1", "talking", T0, { queue_id: "sales", reason: "" })],
      minutes: [minuteJson("sales", T0 - 30_000, { offered: 3 })],
      stream_seqs: { CALL: "12" },
      calls_now: 4,
    }),
  );
  expect(update.at).toBe(T0);
  expect(update.queues[0]).toMatchObject({ name: "SALES", waiting: 2, serviceLevel: 0.75, asaS: 7.5 });
  expect(update.queues[0]?.oldestEnqueuedAt).toBe(Date.parse("2026-03-02T10:15:12.345Z"));
  expect(update.agents[0]).toMatchObject({ id: "a1", state: "talking", since: T0, queueId: "sales" });
  expect(update.minutes[0]).toMatchObject({ offered: 3, answered: 0, waitingMax: 0 });
  expect(update.callsNow).toBe(4);
});

test("zeros that protobuf leaves out are zeros, and minus one is undefined", () => {
  const queue = readUpdate(updateJson("delta", T0, { queues: [{ queue_id: "q" }, queueJson("r")] })).queues;
  expect(queue[0]).toMatchObject({ name: "q", waiting: 0, oldestEnqueuedAt: null, serviceLevel: 0, serviceLevelS: 20 });
  expect(queue[1]).toMatchObject({ serviceLevel: null, asaS: null });
});

test("64-bit numbers may come as text", () => {
  expect(readUpdate(updateJson("delta", T0, { calls_now: "7" })).callsNow).toBe(7);
});

test("a heartbeat says nothing about calls", () => {
  expect(readUpdate(updateJson("heartbeat", T0)).callsNow).toBeNull();
});

test.each([
  ["object", null],
  ["kind", { kind: "surprise", at: "2026-03-02T10:15:30Z" }],
  ["at", { kind: "delta" }],
  ["queues", updateJson("delta", T0, { queues: {} })],
  ["queue_id", updateJson("delta", T0, { queues: [{}] })],
  ["waiting", updateJson("delta", T0, { queues: [{ queue_id: "q", waiting: "many" }] })],
  ["since", updateJson("delta", T0, { agents: [{ agent_id: "a", since: "yesterday" }] })],
  ["removed id", updateJson("delta", T0, { removed_queue_ids: [1] })],
])("a message without a usable %s is refused by that name", (field, json) => {
  expect(() => readUpdate(json)).toThrow(WireError);
  expect(() => readUpdate(json)).toThrow(field);
});

import { expect, test } from "vitest";
import { countByGroup, groupOf, sortedAgents } from "./agents";
import { UNSYNCED, observe, offset } from "./clock";
import { T0, agentJson, queueJson, updateJson } from "./fixtures";
import { fold } from "./state";
import { totals } from "./totals";
import { readUpdate } from "./wire";

test("the server's clock is taken from the message that travelled fastest", () => {
  const ahead = 60_000;
  const clock = [300, 15, 90].reduce((seen, delay, index) => {
    const sent = T0 + index * 5_000;
    return observe(seen, sent + ahead, sent + delay);
  }, UNSYNCED);
  expect(offset(clock)).toBe(ahead - 15);
  expect(offset(UNSYNCED)).toBe(0);
});

test("a clock that was set back is followed once the old samples are gone", () => {
  let clock = observe(UNSYNCED, T0 + 9_000, T0);
  for (let beat = 0; beat < 12; beat += 1) clock = observe(clock, T0 + 1_000, T0);
  expect(offset(clock)).toBe(1_000);
});

test("totals weigh the service level by calls and find the longest wait", () => {
  const state = fold(
    null,
    readUpdate(
      updateJson("snapshot", T0, {
        queues: [
          queueJson("big", { waiting: 2, oldest_enqueued_at: new Date(T0 - 8_000).toISOString(), offered: 100, answered: 90, abandoned: 10, answered_in_time: 50 }),
          queueJson("small", { waiting: 1, oldest_enqueued_at: new Date(T0 - 30_000).toISOString(), answered: 10, answered_in_time: 10 }),
        ],
      }),
    ),
  );
  if (state === null) throw new Error("no state");
  expect(totals(state, T0)).toEqual({
    waiting: 3,
    longestWaitMs: 30_000,
    longestWaitQueueId: "small",
    offered: 100,
    answered: 100,
    abandoned: 10,
    serviceLevel: 60 / 110,
    abandonRate: 10 / 110,
  });
});

test("totals of an empty board are undefined where they divide", () => {
  const state = fold(null, readUpdate(updateJson("snapshot", T0)));
  if (state === null) throw new Error("no state");
  expect(totals(state, T0)).toMatchObject({ waiting: 0, longestWaitMs: null, serviceLevel: null, abandonRate: null });
});

test("agents are sorted by group, then by time in state, then by name", () => {
  const { agents } = readUpdate(
    updateJson("delta", T0, {
      agents: [
        agentJson("gone", "logged_out"),
        agentJson("talks", "held"),
        agentJson("b", "ready", T0),
        agentJson("a", "ready", T0),
        agentJson("waits", "ready", T0 - 9_000),
        agentJson("rings", "ringing"),
        agentJson("new", "meditating"),
      ],
    }),
  );
  expect(sortedAgents(agents).map(({ id }) => id)).toEqual(["waits", "a", "b", "rings", "talks", "new", "gone"]);
  expect(countByGroup(agents)).toEqual({ ready: 3, alerting: 1, talking: 1, wrap_up: 0, not_ready: 1, logged_out: 1 });
  expect(groupOf("consulting")).toBe("talking");
});

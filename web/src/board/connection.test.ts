import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Connection, type Link, SILENCE_MS, type Socket, type Verdict, retryDelay } from "./connection";

class FakeSocket implements Socket {
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;
  closed = false;
  close(): void {
    this.closed = true;
  }
}

function scene(verdict: Verdict = "unreachable") {
  const sockets: FakeSocket[] = [];
  const links: Link[] = [];
  const connection = new Connection({
    open: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    probe: () => Promise.resolve(verdict),
    onMessage: () => undefined,
    onLink: (link) => links.push(link),
    random: () => 1,
  });
  const last = (): FakeSocket => {
    const socket = sockets.at(-1);
    if (socket === undefined) throw new Error("no socket was opened");
    return socket;
  };
  return { connection, sockets, last, status: () => links.at(-1)?.status };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test("the link is live with the first message, not with the open socket", () => {
  const { connection, last, status } = scene();
  connection.start();
  expect(status()).toBe("connecting");
  last().onmessage?.({ data: "{}" });
  expect(status()).toBe("live");
});

test("a closed socket is opened again, later each time", () => {
  const { connection, sockets, last, status } = scene();
  connection.start();
  last().onmessage?.({ data: "{}" });
  last().onclose?.();
  expect(status()).toBe("lost");
  vi.advanceTimersByTime(500);
  expect(sockets).toHaveLength(2);
  last().onclose?.();
  vi.advanceTimersByTime(999);
  expect(sockets).toHaveLength(2);
  vi.advanceTimersByTime(1);
  expect(sockets).toHaveLength(3);
  last().onmessage?.({ data: "{}" });
  expect(status()).toBe("live");
});

test("silence is a lost connection even while the socket looks open", () => {
  const { connection, sockets, last, status } = scene();
  connection.start();
  last().onmessage?.({ data: "{}" });
  vi.advanceTimersByTime(SILENCE_MS - 1);
  last().onmessage?.({ data: "{}" });
  vi.advanceTimersByTime(SILENCE_MS - 1);
  expect(status()).toBe("live");
  vi.advanceTimersByTime(1);
  expect(status()).toBe("lost");
  expect(sockets[0]?.closed).toBe(true);
});

test.each(["refused", "unknown"] as const)("a key or tenant that is %s is not tried again", async (verdict) => {
  const { connection, sockets, last, status } = scene(verdict);
  connection.start();
  last().onclose?.();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(status()).toBe(verdict);
  expect(sockets).toHaveLength(1);
});

test("a gateway that is away is tried for ever", async () => {
  const { connection, sockets, last, status } = scene("unreachable");
  connection.start();
  for (let attempt = 0; attempt < 8; attempt += 1) {
    last().onclose?.();
    await vi.advanceTimersByTimeAsync(15_000);
  }
  expect(sockets.length).toBeGreaterThanOrEqual(9);
  expect(status()).toBe("lost");
});

test("the viewer can ask for the next attempt at once", () => {
  const { connection, sockets, last } = scene();
  connection.start();
  last().onclose?.();
  connection.retryNow();
  connection.retryNow();
  expect(sockets).toHaveLength(2);
});

test("a stopped connection stays stopped, and can be started again", () => {
  const { connection, sockets, last } = scene();
  connection.start();
  connection.stop();
  expect(last().closed).toBe(true);
  vi.advanceTimersByTime(60_000);
  expect(sockets).toHaveLength(1);
  connection.start();
  expect(sockets).toHaveLength(2);
});

test("the delay doubles up to a limit and is spread by chance", () => {
  expect([0, 1, 2, 10].map((attempt) => retryDelay(attempt, 1))).toEqual([500, 1_000, 2_000, 15_000]);
  expect(retryDelay(10, 0)).toBe(7_500);
});

/** Holds one tenant's board for React: updates go in, snapshots for `useSyncExternalStore` come out. */

import { type ServerClock, UNSYNCED, observe, offset } from "./clock";
import { Connection, type ConnectionPorts, type Link } from "./connection";
import { type BoardState, fold } from "./state";
import { readUpdate } from "./wire";

export interface BoardView {
  readonly state: BoardState | null;
  readonly link: Link;
  /** Server minus local time in ms. */
  readonly offset: number;
}

/** Several deltas within one frame of a busy board are drawn once; far below the 250 ms from event to screen. */
const DRAW_EVERY_MS = 50;

export class BoardStore {
  private view: BoardView = { state: null, link: { status: "connecting" }, offset: 0 };
  private state: BoardState | null = null;
  private clock: ServerClock = UNSYNCED;
  private link: Link = { status: "connecting" };
  private drawTimer: ReturnType<typeof setTimeout> | null = null;
  private readonly listeners = new Set<() => void>();
  private readonly connection: Connection;

  constructor(ports: Pick<ConnectionPorts, "open" | "probe">) {
    this.connection = new Connection({
      ...ports,
      random: Math.random,
      onMessage: (data) => this.take(data),
      onLink: (link) => {
        this.link = link;
        this.draw();
      },
    });
  }

  start(): void {
    this.connection.start();
  }

  stop(): void {
    this.connection.stop();
    if (this.drawTimer !== null) clearTimeout(this.drawTimer);
  }

  readonly retryNow = (): void => this.connection.retryNow();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly current = (): BoardView => this.view;

  private take(data: unknown): void {
    try {
      const update = readUpdate(JSON.parse(String(data)));
      this.clock = observe(update.kind === "snapshot" ? UNSYNCED : this.clock, update.at, Date.now());
      this.state = fold(this.state, update);
    } catch (reason) {
      console.error("a message of the board was left out", reason);
      return;
    }
    this.drawTimer ??= setTimeout(() => this.draw(), DRAW_EVERY_MS);
  }

  private draw(): void {
    if (this.drawTimer !== null) clearTimeout(this.drawTimer);
    this.drawTimer = null;
    this.view = { state: this.state, link: this.link, offset: offset(this.clock) };
    for (const listener of this.listeners) listener();
  }
}

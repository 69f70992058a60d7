/** One board's WebSocket: reconnects with back-off, and tells live figures from stale ones. */

export const HEARTBEAT_MS = 5_000;
/** Two heartbeats and some patience: a third silent interval would leave old figures looking fresh. */
export const SILENCE_MS = 12_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;

/** `refused`: the key is wrong. `unknown`: the key is right, the tenant does not exist or is not the key's. */
export type Verdict = "refused" | "unknown" | "reachable" | "unreachable";

export type Link =
  | { readonly status: "connecting" }
  | { readonly status: "live" }
  | { readonly status: "lost"; readonly retryAt: number }
  | { readonly status: "refused" }
  | { readonly status: "unknown" };

export interface Socket {
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: (() => void) | null;
  onerror: (() => void) | null;
  close(): void;
}

export interface ConnectionPorts {
  open(): Socket;
  /** Asks over HTTP why the socket cannot be opened: a browser hides the status of a refused handshake. */
  probe(): Promise<Verdict>;
  onMessage(data: unknown): void;
  onLink(link: Link): void;
  random(): number;
}

/** Half fixed, half random, so that a restarted gateway does not meet all boards at once. */
export function retryDelay(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt);
  return ceiling / 2 + (ceiling / 2) * random;
}

export class Connection {
  private socket: Socket | null = null;
  private attempt = 0;
  private heard = false;
  private closed = false;
  private retryTimer: ReturnType<typeof setTimeout> | null = null;
  private silenceTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly ports: ConnectionPorts) {}

  start(): void {
    this.closed = false;
    this.ports.onLink({ status: "connecting" });
    this.connect();
  }

  stop(): void {
    this.closed = true;
    this.drop();
    if (this.retryTimer !== null) clearTimeout(this.retryTimer);
    this.retryTimer = null;
  }

  /** The network is said to be back, or the viewer does not want to wait. */
  retryNow(): void {
    if (this.closed || this.retryTimer === null) return;
    clearTimeout(this.retryTimer);
    this.connect();
  }

  private connect(): void {
    this.retryTimer = null;
    this.heard = false;
    const socket = this.ports.open();
    this.socket = socket;
    socket.onmessage = (event) => {
      this.watchSilence();
      this.ports.onMessage(event.data);
      if (!this.heard) {
        this.heard = true;
        this.attempt = 0;
        this.ports.onLink({ status: "live" });
      }
    };
    socket.onclose = () => this.lost();
    socket.onerror = null;
    this.watchSilence();
  }

  private watchSilence(): void {
    if (this.silenceTimer !== null) clearTimeout(this.silenceTimer);
    this.silenceTimer = setTimeout(() => this.lost(), SILENCE_MS);
  }

  private drop(): void {
    if (this.silenceTimer !== null) clearTimeout(this.silenceTimer);
    this.silenceTimer = null;
    if (this.socket === null) return;
    this.socket.onmessage = null;
    this.socket.onclose = null;
    this.socket.close();
    this.socket = null;
  }

  private lost(): void {
    const neverHeard = !this.heard;
    this.drop();
    if (this.closed) return;
    this.retryLater();
    if (neverHeard) void this.judge();
  }

  private retryLater(): void {
    const delay = retryDelay(this.attempt, this.ports.random());
    this.attempt += 1;
    this.ports.onLink({ status: "lost", retryAt: Date.now() + delay });
    this.retryTimer = setTimeout(() => this.connect(), delay);
  }

  private async judge(): Promise<void> {
    const verdict = await this.ports.probe();
    if (this.closed || this.heard || (verdict !== "refused" && verdict !== "unknown")) return;
    this.stop();
    this.ports.onLink({ status: verdict });
  }
}

/** How far the server's clock is ahead of this machine's, learnt from the times that messages carry. */

export interface ServerClock {
  /** Server minus local, in ms, of the newest messages. */
  readonly samples: readonly number[];
}

export const UNSYNCED: ServerClock = { samples: [] };

/** Half a minute of heartbeats: long enough to forget a slow message, short enough to follow a corrected clock. */
const KEPT = 12;

export function observe(clock: ServerClock, serverAt: number, localAt: number): ServerClock {
  return { samples: [...clock.samples.slice(1 - KEPT), serverAt - localAt] };
}

/** A message can only be late, so the largest difference seen is the nearest to the truth. */
export function offset(clock: ServerClock): number {
  return clock.samples.length === 0 ? 0 : Math.max(...clock.samples);
}

import { useEffect, useState, useSyncExternalStore } from "react";
import { boardSocketUrl, probeBoard } from "../session/api";
import type { Socket } from "./connection";
import { type BoardView, BoardStore } from "./store";

export interface Board extends BoardView {
  readonly retryNow: () => void;
}

/** The board of one tenant. Mount it with a React key of tenant and API key: each pair has a store of its own. */
export function useBoard(tenant: string, key: string): Board {
  const [store] = useState(
    () =>
      new BoardStore({
        open: () => new WebSocket(boardSocketUrl(tenant, key)) as Socket,
        probe: () => probeBoard(tenant, key),
      }),
  );
  useEffect(() => {
    store.start();
    window.addEventListener("online", store.retryNow);
    return () => {
      window.removeEventListener("online", store.retryNow);
      store.stop();
    };
  }, [store]);
  const view = useSyncExternalStore(store.subscribe, store.current);
  return { ...view, retryNow: store.retryNow };
}

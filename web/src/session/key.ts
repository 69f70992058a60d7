/** The API key of this tab: from the address's fragment, which never reaches a server, or typed in by the viewer. */

const STORED_AS = "seatbus.key";

/** Fragment parameters may hold other things later; only `key` is taken out. */
export function takeKey(fragment: string): { readonly key: string | null; readonly rest: string } {
  const parameters = new URLSearchParams(fragment.replace(/^#/, ""));
  const key = parameters.get("key");
  parameters.delete("key");
  const rest = parameters.toString();
  return { key: key === "" ? null : key, rest: rest === "" ? "" : `#${rest}` };
}

/** Moves a key from the address bar into the session's storage, so that it is in no history and no screenshot. */
export function claimKey(): string | null {
  const { key, rest } = takeKey(window.location.hash);
  if (key !== null) {
    sessionStorage.setItem(STORED_AS, key);
    history.replaceState(null, "", window.location.pathname + window.location.search + rest);
  }
  return sessionStorage.getItem(STORED_AS);
}

export const keepKey = (key: string): void => sessionStorage.setItem(STORED_AS, key);

export const forgetKey = (): void => sessionStorage.removeItem(STORED_AS);

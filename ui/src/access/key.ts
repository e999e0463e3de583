// The key that opens the server: from the link's fragment, or typed; kept for this tab, or on this device if asked.
import { signal } from "@preact/signals";

// The page of operators takes another kind of key.
const OPERATORS = "assistd.admin-key";
const NAME = location.pathname.startsWith("/operator") ? OPERATORS : "assistd.key";

export const key = signal<string | null>(takeKey());
/** Whether the server refused the last key. */
export const isRefused = signal(false);

/** Uses another key; `null` signs out. */
export function setKey(next: string | null, isRemembered = false): void {
  sessionStorage.removeItem(NAME);
  localStorage.removeItem(NAME);
  if (next) (isRemembered ? localStorage : sessionStorage).setItem(NAME, next);
  isRefused.value = false;
  key.value = next;
}

/** Has the page of operators, in this tab, use the key at hand. */
export function passToOperator(): void {
  if (key.value) sessionStorage.setItem(OPERATORS, key.value);
}

/** Forgets a key that the server does not take. */
export function refuseKey(): void {
  setKey(null);
  isRefused.value = true;
}

/** The key of the link, which leaves the address bar at once; else the one that was kept. */
function takeKey(): string | null {
  const found = /^#key=([^&]+)$/.exec(location.hash);
  if (found?.[1]) {
    sessionStorage.setItem(NAME, decodeURIComponent(found[1]));
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME);
}

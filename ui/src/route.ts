// What is open: the fragment of the address, `#/thread_abc/run_def`, `#/conv_abc`, `#/responses`, `#/stores/vs_abc`.
import { signal } from "@preact/signals";

export type Door = "assistants" | "responses" | "stores";

export interface Route {
  door: Door;
  thread: string | null;
  run: string | null;
  conversation: string | null;
  store: string | null;
}

export const route = signal<Route>(read());
addEventListener("hashchange", () => {
  route.value = read();
});

/** Opens a thread, or an empty one. */
export function open(thread: string | null, run: string | null = null): void {
  go(thread, run);
}

/** Opens a conversation, or an empty one. */
export function openConversation(id: string | null): void {
  go(id ?? "responses");
}

/** Opens a vector store, or the list of all. */
export function openStore(id: string | null): void {
  go("stores", id);
}

function go(...parts: (string | null)[]): void {
  location.hash = `/${parts.filter(Boolean).join("/")}`;
}

function read(): Route {
  const [, first = "", second = ""] = location.hash.replace(/^#/, "").split("/");
  const nothing = { thread: null, run: null, conversation: null, store: null };
  if (first === "stores") return { ...nothing, door: "stores", store: second || null };
  if (first === "responses") return { ...nothing, door: "responses" };
  if (first.startsWith("conv_")) return { ...nothing, door: "responses", conversation: first };
  return { ...nothing, door: "assistants", thread: first || null, run: second || null };
}

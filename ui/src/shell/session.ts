// The session of the open thread or conversation: whether it lives, until when, and what it costs.
import { computed, effect, signal } from "@preact/signals";
import { getOwn } from "../access/client";
import { key } from "../access/key";
import { transcript } from "../chat/open_thread";
import { conversation } from "../responses/open_conversation";
import { route } from "../route";

export interface Session {
  status: "none" | "live" | "elsewhere";
  ends_at: number | null;
  billed: boolean;
  price: number | null;
  memory_bytes: number | null;
  memory_limit_bytes: number | null;
  cpu_seconds: number | null;
  jail: string | null;
}

const ASK_SECONDS = 15;

export const session = signal<Session | null>(null);
/** The time, once a second while a session lives. */
export const now = signal(Date.now());

let asked = 0;

/** Whose session it is: a thread's, or that of a conversation's container. */
const place = computed(() => {
  const container = conversation.value?.container.value;
  const thread = transcript.value?.thread;
  switch (route.value.door) {
    case "assistants":
      return thread ? `threads/${thread}` : null;
    case "responses":
      return container ? `containers/${container}` : null;
    case "stores":
      return null;
  }
});

/** Asks for the session at hand; a server that does not tell of it is no trouble. */
async function askForSession(): Promise<void> {
  const at = place.peek();
  const number = ++asked;
  const found =
    at && key.peek() ? await getOwn<Session>(`${at}/session`).catch(() => null) : null;
  if (number === asked) session.value = found;
}

effect(() => {
  const here = route.value.door === "responses" ? conversation.value : transcript.value;
  void [place.value, here?.active.value?.status, here?.entries.value.length]; // what may open a session
  void askForSession();
});

setInterval(() => {
  if (document.hidden || !session.peek() || session.peek()?.status === "none") return;
  now.value = Date.now();
  if (Math.round(now.value / 1000) % ASK_SECONDS === 0) void askForSession();
}, 1000);

/** The time that is left, as minutes and seconds. */
export function timeLeft({ ends_at }: Session): string {
  const seconds = Math.max(0, Math.round((ends_at ?? 0) - now.value / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

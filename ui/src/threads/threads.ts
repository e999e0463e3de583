// The threads of the key's project, the last used first.
import { computed, signal } from "@preact/signals";
import OpenAI from "openai";
import { client, explain, getOwn } from "../access/client";
import { open, route } from "../route";
import { strings } from "../strings";

export interface ThreadSummary {
  id: string;
  title: string | null;
  last_active_at: number;
  active_run: string | null;
}

export const threads = signal<ThreadSummary[]>([]);
export const failure = signal<string | null>(null);
/** What must stand in a title. */
export const searched = signal("");

/** The threads of each day, the last day first. */
export const days = computed(() => {
  const groups = new Map<string, ThreadSummary[]>();
  for (const each of threads.value) {
    const day = nameDay(each.last_active_at);
    groups.set(day, [...(groups.get(day) ?? []), each]);
  }
  return [...groups];
});

let asked = 0;

/** Reads the list anew; a server that has none is no trouble. */
export async function loadThreads(): Promise<void> {
  const number = ++asked;
  const query = new URLSearchParams({ limit: "100", ...(searched.value && { q: searched.value }) });
  try {
    const { data } = await getOwn<{ data: ThreadSummary[] }>(`threads?${query}`);
    if (number !== asked) return;
    threads.value = data;
    failure.value = null;
  } catch (error) {
    if (!(error instanceof OpenAI.NotFoundError)) failure.value = explain(error);
  }
}

/** Gives a thread another title. */
export async function renameThread(id: string, title: string): Promise<void> {
  await doing(async () => {
    const { threads } = client.value.beta;
    const { metadata } = await threads.retrieve(id);
    await threads.update(id, { metadata: { ...metadata, title: title.slice(0, 512) } });
  });
}

/** Deletes a thread and what was said in it. */
export async function deleteThread(id: string): Promise<void> {
  await doing(async () => {
    await client.value.beta.threads.delete(id);
    if (route.value.thread === id) open(null);
  });
}

async function doing(change: () => Promise<void>): Promise<void> {
  try {
    await change();
    await loadThreads();
  } catch (error) {
    failure.value = explain(error);
  }
}

function nameDay(seconds: number): string {
  const [then, today] = [new Date(seconds * 1000), new Date()];
  const days = Math.round((today.setHours(0, 0, 0, 0) - new Date(then).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days <= 0) return strings.today;
  if (days === 1) return strings.yesterday;
  return then.toLocaleDateString(undefined, { year: "numeric", month: "long", day: "numeric" });
}

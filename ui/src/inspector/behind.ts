// The run that is looked into, with its steps and where its time went.
import { computed, effect, signal } from "@preact/signals";
import OpenAI from "openai";
import { client, explain, getOwn } from "../access/client";
import { transcript } from "../chat/open_thread";
import type { Run, Step } from "../chat/transcript";
import { route } from "../route";

export interface Span {
  name: string;
  /** Milliseconds since the run began. */
  start: number;
  /** Likewise; nothing while it lasts. */
  end?: number | null;
  turn?: number;
  tool?: string | null;
  outcome?: string | null;
}

export interface Timeline {
  id: string;
  /** Unix seconds. */
  began_at: number;
  queue_position: number | null;
  spans: Span[];
}

const AGAIN_MILLISECONDS = 1000;
const SOON_MILLISECONDS = 250; // many events come at once

/** The run of the address, else the newest. */
export const run = computed<Run | null>(() => {
  const runs = transcript.value?.runs.value ?? [];
  return runs.find(({ id }) => id === route.value.run) ?? runs.at(-1) ?? null;
});
export const steps = signal<Step[]>([]);
export const timeline = signal<Timeline | null>(null);
export const failure = signal<string | null>(null);

const isActive = computed(() => ["queued", "in_progress", "cancelling"].includes(run.value?.status ?? ""));
let asked = 0;

/** Reads the steps and the timeline of a run, and reads them again while it goes on. */
async function load(here: Run): Promise<void> {
  const number = ++asked;
  try {
    const [page, spans] = await Promise.all([
      client.value.beta.threads.runs.steps.list(here.id, { thread_id: here.thread_id, order: "asc", limit: 100 }),
      getOwn<Timeline>(`threads/${here.thread_id}/runs/${here.id}/timeline`).catch(ignoreAbsence),
    ]);
    if (number !== asked) return;
    steps.value = page.data;
    timeline.value = spans;
    failure.value = null;
  } catch (error) {
    if (number === asked) failure.value = explain(error);
  }
  if (number === asked && isActive.peek()) setTimeout(() => number === asked && void load(here), AGAIN_MILLISECONDS);
}

/** How long a run took, in milliseconds; until now, while it goes on. */
export function lengthOf({ began_at, spans }: Timeline): number {
  const last = Math.max(0, ...spans.map(({ start, end }) => end ?? start));
  return isActive.value ? Math.max(last, Date.now() - 1000 * began_at) : last;
}

/** A run that was deleted with its thread, and a server that keeps no timelines, have none to show. */
function ignoreAbsence(error: unknown): null {
  if (error instanceof OpenAI.NotFoundError) return null;
  throw error;
}

const watched = computed(() => `${run.value?.id} ${run.value?.status} ${transcript.value?.entries.value.length}`);
let shown: string | null = null;

effect(() => {
  void watched.value;
  const here = run.peek();
  if (here?.id !== shown) {
    asked += 1;
    steps.value = [];
    timeline.value = null;
    shown = here?.id ?? null;
  }
  if (!here) return;
  const soon = setTimeout(() => void load(here), SOON_MILLISECONDS);
  return () => clearTimeout(soon);
});

// What is said and done in one thread, in order: read from the API, then followed while a run goes on.
import { batch, computed, signal, type Signal } from "@preact/signals";
import OpenAI from "openai";
import type { AssistantStream } from "openai/lib/AssistantStream";
import { client, collect } from "../access/client";
import { picturesOf } from "./steps/calls";

export type Message = OpenAI.Beta.Threads.Message;
export type Run = OpenAI.Beta.Threads.Run;
export type Step = OpenAI.Beta.Threads.Runs.RunStep;

/** A run's messages and steps stand before the entry of the run itself, which tells how it ended. */
export type Entry = Shown | { kind: "run"; id: string; run: string };
export type Shown = { id: string; run?: string | null } & (
  | { kind: "message"; message: Signal<Message> }
  | { kind: "step"; step: Signal<Step> }
);

/** Why the page reads a run again and again in place of its stream. */
export type Notice = "lost" | "slow" | null;

const ACTIVE = new Set(["queued", "in_progress", "cancelling", "requires_action"]);
const POLL_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;
const FRAME_MS = 33;
const CHARACTERS_PER_MS = 1_000;

export class Transcript {
  readonly entries = signal<Entry[]>([]);
  readonly runs = signal<Run[]>([]);
  readonly active = computed(() => this.runs.value.find((run) => ACTIVE.has(run.status)) ?? null);
  /** The files of the pictures that steps show; messages name them a second time. */
  readonly pictures = computed(() =>
    this.entries.value.flatMap((each) => (each.kind === "step" ? picturesOf(each.step.value) : [])).join(),
  );
  readonly notice = signal<Notice>(null);
  private readonly changed = new Map<string, () => void>();
  private timer = 0;
  private isClosed = false;

  constructor(readonly thread: string) {}

  /** Reads the whole thread, and keeps up with what runs in it. */
  async load(): Promise<void> {
    const { messages, runs } = client.value.beta.threads;
    const said = (await collect(messages.list(this.thread, { order: "asc", limit: 100 }))).filter(isLeft);
    const done = await collect(runs.list(this.thread, { order: "asc", limit: 100 }));
    const steps = await Promise.all(done.map((run) => this.readSteps(run.id)));
    batch(() => {
      this.runs.value = done;
      this.entries.value = order(said, done, new Map(done.map((run, at) => [run.id, steps[at]!])));
    });
    if (this.active.value) await this.keepUp(this.active.value.id);
  }

  /** Nobody looks at it any more: it asks the server for nothing more. */
  close(): void {
    this.isClosed = true;
  }

  /** Follows a run by its stream, until that ends. */
  async follow(stream: AssistantStream): Promise<void> {
    stream.on("event", ({ event, data }) => {
      if (event.startsWith("thread.run.step.") && "step_details" in data) this.putStep(data);
      else if (/^thread\.run\.[a-z_]+$/.test(event)) this.putRun(data as Run);
    });
    stream.on("messageCreated", (message) => this.putMessage(message));
    stream.on("messageDelta", (_, snapshot) =>
      this.putSoon(snapshot.id, lengthOf(snapshot), () => this.putMessage(snapshot)),
    );
    stream.on("messageDone", (message) => this.putMessage(message));
    stream.on("runStepDelta", (_, snapshot) => this.putSoon(snapshot.id, 0, () => this.putStep(snapshot)));
    try {
      await stream.done();
    } finally {
      this.flush();
    }
  }

  /** Follows a run by reading it, until it waits for somebody or has ended; a server that is gone is waited for. */
  async keepUp(run: string): Promise<void> {
    for (let failures = 0; !this.isClosed; ) {
      try {
        const read = await this.read(run);
        failures = 0;
        if (this.notice.value === "lost") this.notice.value = null;
        if (!ACTIVE.has(read.status) || read.status === "requires_action") break;
      } catch (error) {
        if (!isPassing(error)) throw error;
        this.notice.value = "lost";
        failures++;
      }
      await pauseAfter(failures);
    }
    this.notice.value = null;
  }

  /** Finds a run that was begun after those at hand, once the server answers; null if there is none. */
  async findNew(known: ReadonlySet<string>): Promise<Run | null> {
    for (let failures = 0; !this.isClosed; failures++) {
      this.notice.value = "lost";
      await pauseAfter(failures);
      try {
        const { data } = await client.value.beta.threads.runs.list(this.thread, { limit: 1 }, { maxRetries: 0 });
        this.notice.value = null;
        return data[0] && !known.has(data[0].id) ? data[0] : null;
      } catch (error) {
        if (!isPassing(error)) throw error;
      }
    }
    return null;
  }

  putMessage(message: Message): void {
    this.changed.delete(message.id);
    const found = this.entries.value.find((each) => each.id === message.id);
    if (found?.kind === "message") found.message.value = { ...message };
    else this.insert({ kind: "message", id: message.id, run: message.run_id, message: signal({ ...message }) });
  }

  putStep(step: Step): void {
    this.changed.delete(step.id);
    if (step.type !== "tool_calls") return;
    const found = this.entries.value.find((each) => each.id === step.id);
    if (found?.kind === "step") found.step.value = { ...step };
    else this.insert({ kind: "step", id: step.id, run: step.run_id, step: signal({ ...step }) });
  }

  putRun(run: Run): void {
    this.flush();
    const known = this.runs.value.find((each) => each.id === run.id);
    if (known && !ACTIVE.has(known.status) && ACTIVE.has(run.status)) return; // an answer that was overtaken
    this.runs.value = known
      ? this.runs.value.map((each) => (each.id === run.id ? run : each))
      : [...this.runs.value, run];
    if (!known) this.insert({ kind: "run", id: run.id, run: run.id });
  }

  private async read(id: string): Promise<Run> {
    const { messages, runs } = client.value.beta.threads;
    const run = await runs.retrieve(id, { thread_id: this.thread }, { maxRetries: 0 });
    const steps = await this.readSteps(id);
    const listed = await collect(messages.list(this.thread, { order: "asc", limit: 100, run_id: id }));
    const said = listed.filter(isLeft);
    const begunAnew = new Set(listed.filter((each) => !said.includes(each)).map((each) => each.id));
    const byId = new Map(said.map((each) => [each.id, each]));
    batch(() => {
      this.putRun(run);
      for (const step of steps) {
        const details = step.step_details;
        const message = details.type === "message_creation" && byId.get(details.message_creation.message_id);
        if (message) this.putRead(message);
        else this.putRead(step);
      }
      for (const message of said) this.putRead(message);
      this.entries.value = this.entries.value.filter((each) => each.run !== id || !begunAnew.has(each.id));
    });
    return run;
  }

  /** Puts what was read; of what goes on, or broke off, the server may say less than its stream did. */
  private putRead(object: Message | Step): void {
    const entry = this.entries.value.find(({ id }) => id === object.id);
    const known = entry?.kind === "message" ? entry.message.value : entry?.kind === "step" ? entry.step.value : null;
    const isLess = known !== null && JSON.stringify(object).length < JSON.stringify(known).length;
    if (object.status === "in_progress" && isLess) return;
    if (object.status === "incomplete" && object.object === "thread.message" && known?.object === object.object) {
      const seen = lengthOf(object) < lengthOf(known) ? known.content : object.content;
      return this.putMessage({ ...object, content: seen });
    }
    if (object.object === "thread.message") this.putMessage(object);
    else this.putStep(object);
  }

  private readSteps(run: string): Promise<Step[]> {
    const { steps } = client.value.beta.threads.runs;
    return collect(steps.list(run, { thread_id: this.thread, order: "asc", limit: 100 }));
  }

  /** Shows what streams some thirty times a second, and long texts less often: each time they are read anew. */
  private putSoon(id: string, length: number, put: () => void): void {
    this.changed.set(id, put);
    this.timer ||= window.setTimeout(() => this.flush(), FRAME_MS + length / CHARACTERS_PER_MS);
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = 0;
    batch(() => {
      for (const put of [...this.changed.values()]) put();
    });
  }

  /** Adds an entry at the end, or before that of its run. */
  private insert(entry: Entry): void {
    const entries = this.entries.value;
    const end = entry.run ? entries.findIndex((each) => each.kind === "run" && each.id === entry.run) : -1;
    this.entries.value = end < 0 ? [...entries, entry] : entries.toSpliced(end, 0, entry);
  }
}

/** Whether the same may succeed a little later: the server is gone, or has too much to do. */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof OpenAI.APIConnectionError ||
    error instanceof OpenAI.RateLimitError ||
    error instanceof OpenAI.InternalServerError
  );
}

/** Waits longer after each failure in a row. */
function pauseAfter(failures: number): Promise<void> {
  return pause(Math.min(LONGEST_PAUSE_MS, POLL_MS * 2 ** failures));
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function lengthOf({ content }: Message): number {
  return content.reduce((sum, part) => sum + (part.type === "text" ? part.text.value.length : 0), 0);
}

/** Whether a message is all there is: not one that broke off with its server, before the run said it anew. */
function isLeft(message: Message, at: number, all: Message[]): boolean {
  const isEmpty = message.status === "incomplete" && lengthOf(message) === 0;
  return !isEmpty || !all.slice(at + 1).some(({ run_id }) => run_id === message.run_id);
}

/** Messages in their order, and each run where its first message is, or where it began. */
function order(messages: Message[], runs: Run[], steps: Map<string, Step[]>): Entry[] {
  const entries: Entry[] = [];
  const byId = new Map(messages.map((each) => [each.id, each]));
  const waiting = new Map(runs.map((run) => [run.id, run]));
  const put = (run: Run) => {
    waiting.delete(run.id);
    for (const step of steps.get(run.id) ?? []) {
      if (step.step_details.type === "message_creation") {
        const message = byId.get(step.step_details.message_creation.message_id);
        if (message) entries.push({ kind: "message", id: message.id, run: run.id, message: signal(message) });
      } else entries.push({ kind: "step", id: step.id, run: run.id, step: signal(step) });
    }
    entries.push({ kind: "run", id: run.id, run: run.id });
  };
  for (const message of messages) {
    const own = message.run_id ? waiting.get(message.run_id) : undefined;
    if (own) put(own);
    else if (!message.run_id) {
      for (const run of [...waiting.values()]) if (run.created_at < message.created_at) put(run);
      entries.push({ kind: "message", id: message.id, run: null, message: signal(message) });
    }
  }
  for (const run of [...waiting.values()]) put(run);
  return entries;
}

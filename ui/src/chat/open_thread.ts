// The thread that is open, and what is asked in it.
import { computed, effect, signal } from "@preact/signals";
import OpenAI from "openai";
import { client, explain } from "../access/client";
import { key } from "../access/key";
import { assistant, overrides } from "../assistants/assistants";
import { open, route } from "../route";
import { loadThreads } from "../threads/threads";
import type { FunctionAnswer } from "./function_card";
import { runOptions } from "./run_options";
import { isPassing, Transcript, type Message } from "./transcript";

export const transcript = signal<Transcript | null>(null);
export const trouble = signal<string | null>(null);
/** What the server did not take, of the thread that is open. */
export const unsent = signal<Unsent | null>(null);
/** How often something was sent: the newest is shown then. */
export const sent = signal(0);

let usedKey: string | null = null;

effect(() => {
  const { thread } = route.value;
  const isThere = thread === (transcript.peek()?.thread ?? null);
  if (!key.value || (isThere && key.value === usedKey)) return;
  usedKey = key.value; // which may be of another project
  const waiting = isThere ? unsent.peek() : null;
  show(thread ? new Transcript(thread) : null);
  unsent.value = waiting;
  const here = transcript.peek();
  here?.load().catch((error: unknown) => report(here, error));
});

export type FileTool = "code_interpreter" | "file_search";

/** What runs in the open thread; the list says of each whether something does. */
const active = computed(() => transcript.value?.active.value?.id ?? null);
let listed = active.peek();
effect(() => {
  if (active.value === listed) return;
  listed = active.value;
  void loadThreads();
});

export interface Attached {
  id: string;
  name: string;
  /** Which tools of the assistant get it; by default code. */
  tools?: FileTool[];
}

/** What is to be said before the assistant answers; nothing, where it was said already. */
export interface Question {
  text: string | null;
  files: Attached[];
  /** The server did not answer: it may be in the thread all the same. */
  isUnsure?: boolean;
}

export interface Unsent {
  question: Question;
  why: string;
  /** When it is sent by itself, in milliseconds since 1970; null: by hand. */
  at: number | null;
  /** The run that has the thread. */
  lockedBy: string | null;
}

/** No request that makes something is repeated unseen: it may have been heard. */
const ONCE = { maxRetries: 0 };
const NOTHING: Question = { text: null, files: [] };

/** Says something in the open thread, or in a new one, and lets the assistant answer. */
export async function ask(text: string, files: Attached[]): Promise<void> {
  await send({ text, files });
}

/** Lets the assistant answer again. */
export async function retry(): Promise<void> {
  await send(NOTHING);
}

/** Sends a question; one that comes too soon is sent again by itself, once. */
export async function send(question: Question, isSecond = false): Promise<void> {
  trouble.value = null;
  unsent.value = null;
  sent.value++;
  let rest = question;
  try {
    const { id: assistantId } = await assistant();
    const here = transcript.value ?? (await begin(question.text ?? ""));
    try {
      if (rest.text !== null) await say(here, rest.text, rest);
      rest = NOTHING;
      void loadThreads();
      await answer(here, assistantId);
    } catch (error) {
      if (transcript.value === here) refuse(here, rest, error, isSecond);
    }
  } catch (error) {
    refuse(null, rest, error, isSecond);
  }
}

/** Says something else in place of a message, in a new thread with all that came before. */
export async function fork(message: Message, text: string): Promise<void> {
  const { threads } = client.value.beta;
  const before: Message[] = [];
  for (const entry of transcript.value?.entries.value ?? []) {
    if (entry.id === message.id) break;
    if (entry.kind === "message") before.push(entry.message.value);
  }
  try {
    const id = await createThread(text);
    for (const each of before) await threads.messages.create(id, copy(each), ONCE);
    show(new Transcript(id));
    await transcript.value!.load();
    open(id);
    const files = (message.attachments ?? []).flatMap(({ file_id, tools }) =>
      file_id ? [{ id: file_id, name: "", tools: (tools ?? []).map(({ type }) => type) }] : [],
    );
    await send({ text, files });
  } catch (error) {
    trouble.value = explain(error);
  }
}

/** Gives what functions returned to the run that waits for them, and follows it on. */
export async function submit(run: string, answers: FunctionAnswer[]): Promise<void> {
  const here = transcript.value;
  if (!here) return;
  trouble.value = null;
  sent.value++;
  const stream = client.value.beta.threads.runs.submitToolOutputsStream(
    run,
    { thread_id: here.thread, tool_outputs: answers.map(({ call, output }) => ({ tool_call_id: call, output })) },
    ONCE,
  );
  try {
    await here.follow(stream);
  } catch (error) {
    report(here, error);
    await here.keepUp(run).catch((failure: unknown) => report(here, failure));
  }
}

/** Stops what runs in the open thread. */
export async function stop(): Promise<void> {
  const here = transcript.value;
  const run = here?.active.value;
  if (!run) return;
  try {
    here.putRun(await client.value.beta.threads.runs.cancel(run.id, { thread_id: run.thread_id }));
    if (run.status === "requires_action") await here.keepUp(run.id); // nothing streams
  } catch (error) {
    report(here, error);
  }
}

function show(next: Transcript | null): void {
  transcript.peek()?.close();
  transcript.value = next;
  trouble.value = null;
  unsent.value = null;
}

async function begin(text: string): Promise<Transcript> {
  const id = await createThread(text);
  const here = new Transcript(id);
  show(here);
  open(id);
  return here;
}

/** Creates a thread that is named by what is said first; returns its id. */
async function createThread(text: string): Promise<string> {
  return (await client.value.beta.threads.create({ metadata: { title: text.slice(0, 60) } }, ONCE)).id;
}

async function say(here: Transcript, text: string, { files, isUnsure }: Question): Promise<void> {
  const { messages } = client.value.beta.threads;
  const [last] = isUnsure ? (await messages.list(here.thread, { limit: 1 }, ONCE)).data : [];
  const isKnown = here.entries.value.some(({ id }) => id === last?.id);
  if (last && !isKnown && last.role === "user" && isText(last, text)) return here.putMessage(last);
  const attachments = files.map(({ id, tools = ["code_interpreter"] }) => ({ file_id: id, tools: tools.map((type) => ({ type })) }));
  here.putMessage(await messages.create(here.thread, { role: "user", content: text, attachments }, ONCE));
}

function isText({ content }: Message, text: string): boolean {
  return content.length === 1 && content[0]?.type === "text" && content[0].text.value === text;
}

/** Starts a run and follows it to its end: by its stream, and by reading it where that breaks off. */
async function answer(here: Transcript, assistantId: string): Promise<void> {
  const known = new Set(here.runs.value.map(({ id }) => id));
  try {
    const wanted = { assistant_id: assistantId, ...overrides.value, ...runOptions.value };
    await here.follow(client.value.beta.threads.runs.stream(here.thread, wanted, ONCE));
  } catch (error) {
    let run = here.runs.value.find(({ id }) => !known.has(id)) ?? null;
    here.notice.value = isPassing(error) ? "lost" : "slow";
    if (!run && error instanceof OpenAI.APIConnectionError) run = await here.findNew(known);
    if (!run) {
      here.notice.value = null;
      throw error;
    }
    await here.keepUp(run.id);
  }
}

/** Keeps what the server did not take, with what can be done about it. */
function refuse(here: Transcript | null, question: Question, error: unknown, isSecond: boolean): void {
  const why = explain(error);
  const lockedBy = /\brun (run_\w+)/.exec(error instanceof OpenAI.BadRequestError ? why : "")?.[1] ?? null;
  const wait = error instanceof OpenAI.RateLimitError ? Number(error.headers?.get("retry-after") ?? NaN) : NaN;
  const isUnsure = error instanceof OpenAI.APIConnectionError;
  unsent.value = { question: { ...question, isUnsure }, why, lockedBy, at: wait >= 0 && !isSecond ? Date.now() + wait * 1000 : null };
  if (lockedBy) here?.keepUp(lockedBy).catch((failure: unknown) => report(here, failure));
}

function report(here: Transcript, error: unknown): void {
  if (transcript.value === here) trouble.value = explain(error);
}

function copy({ role, content, attachments }: Message): OpenAI.Beta.Threads.MessageCreateParams {
  const parts = content.flatMap((part): OpenAI.Beta.Threads.MessageContentPartParam[] => {
    if (part.type === "text") return part.text.value ? [{ type: "text", text: part.text.value }] : [];
    return part.type === "refusal" ? [{ type: "text", text: part.refusal }] : [part];
  });
  return { role, content: parts, attachments: attachments ?? [] } as OpenAI.Beta.Threads.MessageCreateParams;
}

// The conversation that is open, and what is asked in it.
import { effect, signal } from "@preact/signals";
import OpenAI from "openai";
import { client, explain } from "../access/client";
import { key } from "../access/key";
import type { FunctionAnswer } from "../chat/function_card";
import { sent, type Attached } from "../chat/open_thread";
import { pause } from "../chat/transcript";
import { openConversation, route } from "../route";
import { strings } from "../strings";
import { Conversation, INCLUDED } from "./conversation";
import { find, keep } from "./conversations";
import { settings, tools } from "./settings";

export const conversation = signal<Conversation | null>(null);
export const trouble = signal<string | null>(null);
/** A question that the server did not take. */
export const unsent = signal<{ text: string; files: Attached[] } | null>(null);

type Events = AsyncIterable<OpenAI.Responses.ResponseStreamEvent>;

const LONGEST_PAUSE_MS = 8_000;

effect(() => {
  const id = key.value && route.value.conversation;
  if (id === (conversation.peek()?.id ?? null)) return;
  trouble.value = null;
  unsent.value = null;
  conversation.value = id ? new Conversation(id) : null;
  if (conversation.value) void load(conversation.value);
});

/** Says something in the open conversation, or in a new one, and lets the model answer. */
export async function ask(text: string, files: Attached[]): Promise<void> {
  trouble.value = null;
  unsent.value = null;
  let here = conversation.value;
  try {
    here ??= await begin(text);
    const said: OpenAI.Responses.ResponseInputItem.Message = {
      type: "message",
      role: "user",
      content: [
        { type: "input_text", text },
        ...files.map(({ id }) => ({ type: "input_file" as const, file_id: id })),
      ],
    };
    const events = await create(here, [said]).catch((error: unknown) => {
      if (conversation.value === here) unsent.value = { text, files };
      throw error;
    });
    here.put({ ...said, id: `said-${here.entries.value.length}`, status: "completed" });
    await keepUp(here, events);
  } catch (error) {
    say(here, explain(error));
  }
}

/** Gives what functions returned, and lets the model go on with it. */
export async function answer(answers: FunctionAnswer[]): Promise<void> {
  const here = conversation.value;
  if (!here) return;
  trouble.value = null;
  const outputs = answers.map(({ call, output }) => ({ type: "function_call_output" as const, call_id: call, output }));
  try {
    const events = await create(here, outputs);
    for (const each of outputs) here.answer(each);
    await keepUp(here, events);
  } catch (error) {
    say(here, explain(error));
  }
}

/** Asks for a response; in the background it goes on when this page is left, and reading it again shows the rest. */
async function create(here: Conversation, input: OpenAI.Responses.ResponseInput): Promise<Events> {
  const events = await client.value.responses.create({
    model: settings.value.model,
    conversation: here.id,
    input,
    tools: tools(),
    include: INCLUDED,
    background: true,
    stream: true,
  });
  here.seen = 0;
  sent.value++;
  return events;
}

/** Stops the response that runs in the open conversation. */
export async function stop(): Promise<void> {
  const running = conversation.value?.active.value;
  if (!running) return;
  try {
    await client.value.responses.cancel(running.id);
  } catch (error) {
    trouble.value = explain(error);
  }
}

async function begin(text: string): Promise<Conversation> {
  const title = text.slice(0, 60);
  const { id } = await client.value.conversations.create({ metadata: { title } });
  conversation.value = new Conversation(id);
  keep({ id, title });
  openConversation(id);
  return conversation.value;
}

/** Reads a conversation; a response that runs there is followed. */
async function load(here: Conversation): Promise<void> {
  const { conversations, responses } = client.value;
  try {
    const { id, metadata } = await conversations.retrieve(here.id);
    const kept = find(id) ?? { id, title: (metadata as { title?: string } | null)?.title ?? id };
    keep(kept);
    const newest = kept.response ? await responses.retrieve(kept.response).catch(ignoreMissing) : undefined;
    await here.load(newest);
    if (here.active.value) await keepUp(here);
  } catch (error) {
    say(here, explain(error));
  }
}

/** Follows a response to its end, also where the connection breaks off in between: the response goes on. */
async function keepUp(here: Conversation, events?: Events): Promise<void> {
  for (let milliseconds = 500; ; milliseconds = Math.min(2 * milliseconds, LONGEST_PAUSE_MS)) {
    try {
      await here.follow(noting(here, events ?? (await resume(here))));
      break;
    } catch (error) {
      if (!here.response.value) throw error;
      if (!(error instanceof OpenAI.APIConnectionError)) {
        await look(here); // what a stream says last of a response that failed is thrown
        if (!here.active.value) break;
        throw error;
      }
      say(here, strings.notices.lost);
      await pause(milliseconds);
      say(here, null);
    }
    events = undefined;
  }
  if (here.active.value) await look(here);
}

/** Reads how the newest response stands. */
async function look(here: Conversation): Promise<void> {
  here.response.value = await client.value.responses.retrieve(here.response.value!.id);
}

/** Passes events on, and keeps the id of the response so that the page finds it when it is opened again. */
async function* noting(here: Conversation, events: Events) {
  for await (const event of events) {
    yield event;
    if (event.type === "response.created")
      keep({ ...(find(here.id) ?? { id: here.id, title: here.id }), response: event.response.id });
  }
}

async function resume(here: Conversation): Promise<Events> {
  const starting_after = here.seen || undefined;
  return client.value.responses.retrieve(here.response.value!.id, {
    stream: true,
    ...(starting_after && { starting_after }),
  });
}

/** Says what stands in the way in a conversation, unless another one is open by now. */
function say(here: Conversation | null, text: string | null): void {
  if (conversation.value === here) trouble.value = text;
}

function ignoreMissing(error: unknown): undefined {
  if (!(error instanceof OpenAI.NotFoundError)) throw error;
}

// What is said and done in one conversation, in order: read from the API, then followed while a response streams.
import { computed, signal } from "@preact/signals";
import type OpenAI from "openai";
import { client } from "../access/client";
import { callsOf } from "../chat/steps/calls";
import type { Shown } from "../chat/transcript";
import { picturesOf, toMessage, toStep, type Item, type OutputText } from "./items";

type Response = OpenAI.Responses.Response;
type Event = OpenAI.Responses.ResponseStreamEvent;
type FunctionCall = OpenAI.Beta.Threads.Runs.FunctionToolCall;

export const INCLUDED: OpenAI.Responses.ResponseIncludable[] = [
  "code_interpreter_call.outputs",
  "file_search_call.results",
];
const ACTIVE = new Set(["queued", "in_progress"]);

export class Conversation {
  readonly entries = signal<Shown[]>([]);
  /** The newest response of which this page knows. */
  readonly response = signal<Response | null>(null);
  readonly active = computed(() => {
    const newest = this.response.value;
    return newest && ACTIVE.has(newest.status ?? "") ? newest : null;
  });
  /** The functions that wait for their answers: those that were called since somebody spoke. */
  readonly waiting = computed<FunctionCall[]>(() => (this.active.value ? [] : findWaiting(this.entries.value)));
  /** The container that code ran in last. */
  readonly container = signal<string | null>(null);
  /** How many events of the response were seen. */
  seen = 0;
  private readonly items = new Map<string, Item>();
  private readonly pictures = new Set<string>();

  constructor(readonly id: string) {}

  /** Reads the whole conversation, and what a response that still runs was asked. */
  async load(response?: Response): Promise<void> {
    const { conversations, responses } = client.value;
    const pages = conversations.items.list(this.id, { order: "asc", limit: 100, include: INCLUDED });
    for await (const item of pages) this.put(item);
    if (response) this.response.value = response;
    if (!this.active.value || !response) return;
    for await (const item of responses.inputItems.list(response.id, { order: "asc", limit: 100 }))
      if (item.id && !this.items.has(item.id)) this.put(item as Item);
  }

  /** Keeps up with a response while it streams, until the stream ends. */
  async follow(events: AsyncIterable<Event>): Promise<void> {
    for await (const event of events) {
      this.seen = event.sequence_number;
      this.take(event);
    }
  }

  /** Shows an item: a new one below the others, or another state of one that is there. */
  put(item: Item): void {
    if (!item.id) return;
    this.items.set(item.id, item);
    if (item.type === "code_interpreter_call" && item.container_id) this.container.value = item.container_id;
    if (item.type === "function_call_output") return this.answer(item);
    if (item.type === "code_interpreter_call") picturesOf(item).forEach((file) => this.pictures.add(file));
    const place = { conversation: this.id, at: this.response.value?.created_at ?? 0, pictures: this.pictures };
    if (item.type === "message") {
      if (item.role !== "user" && item.role !== "assistant") return;
      const message = toMessage(item as Parameters<typeof toMessage>[0], place);
      const found = this.entries.value.find(({ id }) => id === item.id);
      if (found?.kind === "message") found.message.value = message;
      else this.append({ kind: "message", id: item.id, message: signal(message) });
      return;
    }
    const step = toStep(item, place);
    if (!step) return;
    const found = this.entries.value.find(({ id }) => id === item.id);
    if (found?.kind === "step") found.step.value = step;
    else this.append({ kind: "step", id: item.id, step: signal(step) });
  }

  private take(event: Event): void {
    if ("response" in event) this.response.value = event.response;
    switch (event.type) {
      case "response.output_item.added":
      case "response.output_item.done":
        return this.put(event.item);
      case "response.content_part.added":
        return this.change(event.item_id, (item) => {
          if (item.type === "message") item.content[event.content_index] = event.part as OutputText;
        });
      case "response.output_text.delta":
        return this.changeText(event.item_id, event.content_index, (part) => (part.text += event.delta));
      case "response.output_text.annotation.added":
        return this.changeText(event.item_id, event.content_index, ({ annotations }) =>
          annotations.push(event.annotation as OutputText["annotations"][number]),
        );
      case "response.code_interpreter_call_code.delta":
        return this.change(event.item_id, (item) => {
          if (item.type === "code_interpreter_call") item.code = (item.code ?? "") + event.delta;
        });
      case "response.function_call_arguments.delta":
        return this.change(event.item_id, (item) => {
          if (item.type === "function_call") item.arguments += event.delta;
        });
    }
  }

  private change(id: string, alter: (item: Item) => void): void {
    const item = this.items.get(id);
    if (!item) return;
    alter(item);
    this.put(item);
  }

  private changeText(id: string, at: number, alter: (part: OutputText) => void): void {
    this.change(id, (item) => {
      const part = item.type === "message" ? item.content[at] : undefined;
      if (part?.type === "output_text") alter(part);
    });
  }

  /** Shows what a function gave beside its call. */
  answer({ call_id, output }: { call_id?: string; output: unknown }): void {
    for (const entry of this.entries.value) {
      if (entry.kind !== "step") continue;
      const [call] = callsOf(entry.step.value);
      if (call?.type !== "function" || call.id !== call_id) continue;
      call.function.output = typeof output === "string" ? output : JSON.stringify(output);
      entry.step.value = { ...entry.step.value, status: "completed" };
    }
  }

  private append(entry: Shown): void {
    this.entries.value = [...this.entries.value, entry];
  }
}

function findWaiting(entries: Shown[]): FunctionCall[] {
  const spoke = entries.findLastIndex((entry) => entry.kind === "message" && entry.message.value.role === "user");
  return entries.slice(spoke + 1).flatMap((entry) => {
    const calls = entry.kind === "step" ? callsOf(entry.step.value) : [];
    return calls.filter((call): call is FunctionCall => call.type === "function" && call.function.output === null);
  });
}

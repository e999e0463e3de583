// The assistants of the project, the one that answers, and what its form has changed and nobody saved.
import { computed, signal } from "@preact/signals";
import type OpenAI from "openai";
import { client } from "../access/client";

export type Assistant = OpenAI.Beta.Assistant;
export type Form = Pick<
  OpenAI.Beta.AssistantCreateParams,
  | "name"
  | "model"
  | "instructions"
  | "tools"
  | "tool_resources"
  | "temperature"
  | "top_p"
  | "reasoning_effort"
  | "response_format"
  | "metadata"
>;

const NEW: Form = { name: "Data analyst", model: "gpt-4o", tools: [{ type: "code_interpreter" }] };
const OF_RUNS = [
  "model",
  "instructions",
  "tools",
  "temperature",
  "top_p",
  "reasoning_effort",
  "response_format",
] as const;

export const assistants = signal<Assistant[]>([]);
/** The one that answers; null: a new one, made by its first question. */
export const chosen = signal<Assistant | null>(null);
export const models = signal<string[]>([]);
const drafts = signal<Record<string, Partial<Form>>>({});
let isLoaded = false;

const draftName = computed(() => chosen.value?.id ?? "new");
/** What differs from what is saved. */
export const edits = computed(() => drafts.value[draftName.value] ?? {});
export const isEdited = computed(() => Object.keys(edits.value).length > 0);
/** The assistant as its form shows it. */
export const current = computed<Form>(() => ({ ...(chosen.value ?? NEW), ...edits.value }));

/** What the form changed, as far as a run takes it: a change is tried before it is saved. */
export const overrides = computed(() =>
  Object.fromEntries(OF_RUNS.flatMap((name) => (chosen.value && name in edits.value ? [[name, edits.value[name]]] : []))),
);

/** Changes a field of the form; a value that is the saved one is no change. */
export function edit(change: Partial<Form>): void {
  const saved: Partial<Form> = chosen.value ?? NEW;
  const next: Record<string, unknown> = { ...edits.value, ...change };
  for (const [name, value] of Object.entries(next))
    if (JSON.stringify(value ?? null) === JSON.stringify(saved[name as keyof Form] ?? null)) delete next[name];
  drafts.value = { ...drafts.value, [draftName.value]: next };
}

/** Forgets what was not saved. */
export function revert(): void {
  const { [draftName.value]: _, ...others } = drafts.value;
  drafts.value = others;
}

/** Reads the lists anew; the chosen assistant stays if it is still there. */
export async function loadAssistants(): Promise<void> {
  const { data } = await client.value.beta.assistants.list({ limit: 100 });
  const isNew = isLoaded && !chosen.value && data.length > 0 && assistants.value.length > 0;
  isLoaded = true;
  assistants.value = data;
  if (!isNew) chosen.value = data.find(({ id }) => id === chosen.value?.id) ?? data[0] ?? null;
  models.value = (await client.value.models.list()).data.map(({ id }) => id).sort();
}

/** Saves the form. */
export async function save(): Promise<void> {
  const { assistants: api } = client.value.beta;
  const saved = chosen.value ? await api.update(chosen.value.id, withNulls(edits.value)) : await api.create(current.value);
  revert();
  chosen.value = saved;
  await loadAssistants();
}

/** Deletes the chosen assistant. */
export async function remove(): Promise<void> {
  if (chosen.value) await client.value.beta.assistants.delete(chosen.value.id);
  revert();
  await loadAssistants();
}

/** The assistant that answers; a first one is made where there is none. */
export async function assistant(): Promise<Assistant> {
  if (!isLoaded) await loadAssistants();
  if (!chosen.value) await save();
  return chosen.value!;
}

/** A field that was emptied is null for the API: what is left out stays as it was. */
function withNulls(change: Partial<Form>): OpenAI.Beta.AssistantUpdateParams {
  const entries = Object.entries(change).map(([name, value]) => [name, value ?? null]);
  return Object.fromEntries(entries) as OpenAI.Beta.AssistantUpdateParams;
}

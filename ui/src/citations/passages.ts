// Where a citation was taken from: what the searches of the open talk found, else the file itself.
import type OpenAI from "openai";
import { client } from "../access/client";
import { nameOf } from "../chat/files";
import { transcript } from "../chat/open_thread";
import { callsOf } from "../chat/steps/calls";
import type { Step } from "../chat/transcript";
import { conversation } from "../responses/open_conversation";
import { countShared } from "./quoted";

export interface CitedFile {
  file_id: string;
  /** From 1; told by this server only, where a file has pages. */
  page?: number;
}

export interface Passage {
  name: string;
  page: number | null;
  text: string;
  /** How well it fits the question, from 0 to 1; `null` where the whole file is shown. */
  score: number | null;
}

type Call = OpenAI.Beta.Threads.Runs.FileSearchToolCall;
export type Result = NonNullable<Call["file_search"]["results"]>[number] & { page?: number };

const WITH_CONTENT: OpenAI.Beta.Threads.Runs.RunStepInclude[] = [
  "step_details.tool_calls[*].file_search.results[*].content",
];

/** The passage that fits a claim best, of those of the cited file. */
export async function findPassage({ file_id, page }: CitedFile, claim: string): Promise<Passage> {
  const found = (await Promise.all(searches().map(readResults))).flat().filter((each) => each.file_id === file_id);
  const ofPage = found.filter((each) => page === undefined || each.page === page);
  const [best] = (ofPage.length ? ofPage : found)
    .map(toPassage)
    .filter(({ text }) => text)
    .sort((first, second) => countShared(claim, second.text) - countShared(claim, first.text));
  return best ?? readFile(file_id);
}

/** A result of a search as a passage; without text where that was not asked for. */
export function toPassage({ file_name, page, content, score }: Result): Passage {
  return { name: file_name, page: page ?? null, text: (content ?? []).map(({ text }) => text ?? "").join("\n"), score };
}

/** The results of a search, with their texts. */
export async function readResults(step: Step): Promise<Result[]> {
  const found = resultsOf(step);
  if (!found.length || found.some(({ content }) => content) || !step.run_id) return found;
  const { id, run_id, thread_id } = step;
  return resultsOf(
    await client.value.beta.threads.runs.steps.retrieve(id, { run_id, thread_id, include: WITH_CONTENT }),
  );
}

function resultsOf(step: Step): Result[] {
  return callsOf(step).flatMap((call) => (call.type === "file_search" ? (call.file_search.results ?? []) : []));
}

/** The steps of the open talk that searched, the newest first. */
function searches(): Step[] {
  const entries = (conversation.value ?? transcript.value)?.entries.value ?? [];
  return entries
    .flatMap((entry) => (entry.kind === "step" ? [entry.step.value] : []))
    .filter((step) => resultsOf(step).length)
    .reverse();
}

/** The whole file, where it is a text. */
async function readFile(file: string): Promise<Passage> {
  const name = await nameOf(file);
  const bytes = await (await client.value.files.content(file)).arrayBuffer();
  try {
    return { name, page: null, score: null, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return { name, page: null, score: null, text: "" }; // no text: only its name is shown
  }
}

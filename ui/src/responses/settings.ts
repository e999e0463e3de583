// What answers in conversations: kept in this browser, since no assistant stands behind them.
import { effect, signal } from "@preact/signals";
import type OpenAI from "openai";

type FunctionTool = OpenAI.Beta.FunctionTool;

const NAME = "assistd.responses";

export interface Settings {
  model: string;
  hasCode: boolean;
  /** The vector store that is searched; empty for none. */
  store: string;
  functions: FunctionTool[];
}

export const settings = signal<Settings>({ model: "gpt-4o", hasCode: true, store: "", functions: [], ...read() });
effect(() => localStorage.setItem(NAME, JSON.stringify(settings.value)));

/** The tools of the next response. */
export function tools(): OpenAI.Responses.Tool[] {
  const { hasCode, store, functions } = settings.value;
  const chosen: OpenAI.Responses.Tool[] = [];
  if (hasCode) chosen.push({ type: "code_interpreter", container: { type: "auto" } });
  if (store) chosen.push({ type: "file_search", vector_store_ids: [store] });
  for (const { function: each } of functions)
    if (each.name) chosen.push({ type: "function", strict: false, parameters: {}, ...each } as OpenAI.Responses.FunctionTool);
  return chosen;
}

function read(): Partial<Settings> {
  try {
    return JSON.parse(localStorage.getItem(NAME) ?? "{}") as Partial<Settings>;
  } catch {
    return {}; // somebody else wrote there
  }
}

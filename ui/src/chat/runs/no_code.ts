// Models that write code into their answer where they should call for it.
import type { Entry, Run, Transcript } from "../transcript";

const TURNS = 2;
const SIGNS = /```\s*(python|py|tool_code|json)\b|sandbox:\/|\/mnt\/data\/|<tool_call>/i;

/** Whether each of the last runs could have run code, ran none, and spoke of it. */
export function hasNoCode(here: Transcript): boolean {
  const runs = here.runs.value.slice(-TURNS);
  return runs.length === TURNS && runs.every((run) => onlySpeaks(run, here.entries.value));
}

function onlySpeaks(run: Run, entries: Entry[]): boolean {
  const own = entries.filter((each) => each.run === run.id);
  const canRunCode = run.status === "completed" && run.tools.some(({ type }) => type === "code_interpreter");
  return canRunCode && own.every(({ kind }) => kind !== "step") && own.some(speaksOfCode);
}

function speaksOfCode(entry: Entry): boolean {
  const parts = entry.kind === "message" ? entry.message.value.content : [];
  return parts.some((part) => part.type === "text" && SIGNS.test(part.text.value));
}

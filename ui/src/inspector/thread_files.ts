// The files that a thread speaks of, whoever made them, in the order in which they came.
import { picturesOf } from "../chat/steps/calls";
import type { Entry, Message, Step } from "../chat/transcript";

export interface ThreadFile {
  id: string;
  origin: "you" | "assistant" | "code";
  run: string | null;
}

/** Collects them from messages and steps, each once. */
export function collectFiles(entries: Entry[]): ThreadFile[] {
  const files = new Map<string, ThreadFile>();
  for (const entry of entries)
    for (const file of filesOf(entry)) if (!files.has(file.id)) files.set(file.id, file);
  return [...files.values()];
}

function filesOf(entry: Entry): ThreadFile[] {
  if (entry.kind === "message") return ofMessage(entry.message.value);
  return entry.kind === "step" ? ofStep(entry.step.value) : [];
}

function ofMessage({ role, run_id, content, attachments }: Message): ThreadFile[] {
  const ids = (attachments ?? []).map(({ file_id }) => file_id);
  for (const part of content) {
    if (part.type === "image_file") ids.push(part.image_file.file_id);
    if (part.type === "text")
      for (const each of part.text.annotations) if (each.type === "file_path") ids.push(each.file_path.file_id);
  }
  const origin = role === "user" ? "you" : "assistant";
  return ids.flatMap((id) => (id ? [{ id, origin, run: run_id } satisfies ThreadFile] : []));
}

function ofStep(step: Step): ThreadFile[] {
  return picturesOf(step).map((id) => ({ id, origin: "code", run: step.run_id }));
}

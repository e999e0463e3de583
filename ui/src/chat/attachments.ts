// The files of the next message, while they are uploaded and after.
import { computed, signal, type Signal } from "@preact/signals";
import { explain } from "../access/client";
import { upload } from "../access/upload";
import { current } from "../assistants/assistants";
import type { Attached, FileTool } from "./open_thread";

const MOST_AT_ONCE = 3; // a browser has six connections to a server, and the page needs some

export type State = "waiting" | "uploading" | "done" | "failed";

export interface Attachment {
  file: File;
  state: Signal<State>;
  /** The part that was sent, from 0 to 1. */
  sent: Signal<number>;
  failure: Signal<string | null>;
  id: string | null;
  /** Which tools of the assistant get it. */
  tools: Signal<FileTool[]>;
  cancel: AbortController;
}

export const attachments = signal<Attachment[]>([]);
/** Whether a message would go without a file that is on its way. */
export const isUploading = computed(() =>
  attachments.value.some(({ state }) => state.value === "waiting" || state.value === "uploading"),
);

/** Begins to upload files for the next message. */
export function attach(files: Iterable<File>): void {
  const added = [...files].map((file) => ({
    file,
    state: signal<State>("waiting"),
    sent: signal(0),
    failure: signal<string | null>(null),
    id: null,
    tools: signal(usualTools()),
    cancel: new AbortController(),
  }));
  attachments.value = [...attachments.value, ...added];
  uploadNext();
}

/** Takes a file out; one that is on its way stops. */
export function detach(attachment: Attachment): void {
  attachment.cancel.abort();
  attachments.value = attachments.value.filter((each) => each !== attachment);
  uploadNext();
}

/** The files that are on the server, which leave this list; those that failed stay to be seen. */
export function takeAttached(): Attached[] {
  const done = attachments.value.filter(({ state }) => state.value === "done");
  attachments.value = attachments.value.filter((each) => !done.includes(each));
  return done.map(({ id, file, tools }) => ({ id: id!, name: file.name, tools: tools.value }));
}

/** Code, unless the assistant can only search. */
function usualTools(): FileTool[] {
  const types = (current.value.tools ?? []).map(({ type }) => type);
  return types.includes("file_search") && !types.includes("code_interpreter") ? ["file_search"] : ["code_interpreter"];
}

function uploadNext(): void {
  const running = attachments.value.filter(({ state }) => state.peek() === "uploading").length;
  const next = attachments.value.filter(({ state }) => state.peek() === "waiting");
  for (const each of next.slice(0, MOST_AT_ONCE - running)) void send(each).finally(uploadNext);
}

async function send(attachment: Attachment): Promise<void> {
  const { file, state, sent, failure, cancel } = attachment;
  state.value = "uploading";
  try {
    attachment.id = (await upload(file, (part) => (sent.value = part), cancel.signal)).id;
    state.value = "done";
  } catch (error) {
    state.value = "failed";
    failure.value = explain(error);
  }
}

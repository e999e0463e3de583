// Items of the second door as the messages and steps of the first one, so that the same parts show both.
import type OpenAI from "openai";
import type { Message, Step } from "../chat/transcript";
import type { CitedFile } from "../citations/passages";

export type Item = OpenAI.Conversations.ConversationItem | OpenAI.Responses.ResponseOutputItem;
export type MessageItem = Extract<Item, { type: "message" }>;
export type OutputText = OpenAI.Responses.ResponseOutputText;
type Annotation = OpenAI.Beta.Threads.Annotation;
type ToolCall = OpenAI.Beta.Threads.Runs.ToolCall;
type CodeOutput = OpenAI.Beta.Threads.Runs.CodeInterpreterToolCall.CodeInterpreter["outputs"][number];

const RUNNING = new Set(["in_progress", "interpreting", "searching"]);

/** Where an item stands. */
export interface Place {
  conversation: string;
  at: number;
  /** Pictures that a call of code shows: the answer cites them once more. */
  pictures: ReadonlySet<string>;
}

/** A message of a conversation as one of a thread; files that it cites outside its text are its attachments. */
export function toMessage(item: MessageItem, { conversation, at, pictures }: Place): Message {
  const content: Message["content"] = [];
  const files: string[] = [];
  for (const part of item.content) {
    if (part.type === "output_text" || part.type === "input_text" || part.type === "text") {
      const noted = annotate(part.text, "annotations" in part ? part.annotations : []);
      content.push({ type: "text", text: { value: noted.text, annotations: noted.annotations } });
      files.push(...noted.files.filter((file) => !pictures.has(file)));
    } else if (part.type === "refusal") {
      content.push({ type: "text", text: { value: part.refusal, annotations: [] } });
    } else if (part.type === "input_image" && part.file_id) {
      content.push({ type: "image_file", image_file: { file_id: part.file_id } });
    } else if (part.type === "input_file" && part.file_id) {
      files.push(part.file_id);
    }
  }
  return {
    id: item.id,
    object: "thread.message",
    created_at: at,
    thread_id: conversation,
    run_id: null,
    assistant_id: null,
    role: item.role === "assistant" ? "assistant" : "user",
    status: item.status,
    completed_at: null,
    incomplete_at: null,
    incomplete_details: null,
    content,
    attachments: files.map((file_id) => ({ file_id })),
    metadata: null,
  };
}

/** A call of a tool as a step with one call; `null` for items that are not shown. */
export function toStep(item: Item, { conversation, at }: Place): Step | null {
  const call = toCall(item);
  if (!call) return null;
  const known = "status" in item ? (item.status ?? "completed") : "completed";
  const status = item.type === "function_call" && known === "completed" ? "in_progress" : known; // until it is answered
  return {
    id: item.id ?? call.id,
    object: "thread.run.step",
    created_at: at,
    thread_id: conversation,
    run_id: "",
    assistant_id: "",
    type: "tool_calls",
    status: RUNNING.has(status) ? "in_progress" : status === "completed" ? "completed" : "failed",
    step_details: { type: "tool_calls", tool_calls: [call] },
    completed_at: null,
    cancelled_at: null,
    expired_at: null,
    failed_at: null,
    last_error: null,
    usage: null,
    metadata: null,
  };
}

function toCall(item: Item): ToolCall | null {
  switch (item.type) {
    case "code_interpreter_call": {
      const outputs = (item.outputs ?? []).flatMap(toCodeOutput);
      return { id: item.id, type: "code_interpreter", code_interpreter: { input: item.code ?? "", outputs } };
    }
    case "file_search_call": {
      const results = (item.results ?? []).map(({ file_id = "", filename = "", score = 0, text = "", ...rest }) => ({
        ...rest, // the page, which this server tells
        file_id,
        file_name: filename,
        score,
        content: [{ type: "text" as const, text }],
      }));
      return { id: item.id, type: "file_search", file_search: { results } };
    }
    case "function_call":
      return {
        id: item.call_id,
        type: "function",
        function: { name: item.name, arguments: item.arguments, output: null },
      };
    default:
      return null;
  }
}

type Call = OpenAI.Responses.ResponseCodeInterpreterToolCall;
type Output = NonNullable<Call["outputs"]>[number];
type PictureOutput = Extract<Output, { type: "image" }> & { file_id?: string };

function toCodeOutput(output: Output): CodeOutput[] {
  if (output.type === "logs") return [output];
  const file_id = pictureOf(output);
  return file_id ? [{ type: "image", image: { file_id } }] : [];
}

/** The files of the pictures that a call of code showed. */
export function picturesOf({ outputs }: Call): string[] {
  return (outputs ?? []).flatMap((each) => (each.type === "image" ? (pictureOf(each) ?? []) : []));
}

/** This server tells the file of a picture beside its address. */
function pictureOf(output: PictureOutput): string | undefined {
  return output.file_id;
}

interface Noted {
  text: string;
  annotations: Annotation[];
  files: string[];
}

/**
 * A text and its annotations as a thread has them: a citation, which only has a place here, gets a marker in the
 * text. Places are counted in code points. What is cited at no text, such as a picture, is among the files.
 */
export function annotate(text: string, annotations: OutputText["annotations"]): Noted {
  const points = annotations.length ? Array.from(text) : [];
  const noted: Annotation[] = [];
  const files: string[] = [];
  const markers: [at: number, marker: string][] = [];
  for (const each of annotations) {
    if (each.type === "container_file_citation") {
      const { file_id, start_index, end_index } = each;
      const linked = points.slice(start_index, end_index).join("");
      if (linked) noted.push({ type: "file_path", text: linked, start_index, end_index, file_path: { file_id } });
      else files.push(file_id);
    } else if (each.type === "file_citation") {
      const { file_id, filename, index, page } = each as typeof each & { page?: number };
      const marker = `【${markers.length + 1}†${filename.replace(/[【】†]/g, "_")}】`;
      markers.push([index, marker]);
      const file_citation: CitedFile = page ? { file_id, page } : { file_id };
      noted.push({ type: "file_citation", text: marker, start_index: index, end_index: index, file_citation });
    }
  }
  if (!markers.length) return { text, annotations: noted, files };
  markers.sort(([first], [second]) => first - second);
  let written = "";
  let at = 0;
  for (const [index, marker] of markers) {
    written += points.slice(at, index).join("") + marker;
    at = Math.max(at, index);
  }
  written += points.slice(at).join("");
  for (const each of noted) place(each, markers);
  return { text: written, annotations: noted, files };
}

/** Moves an annotation behind the markers that now stand before it. */
function place(annotation: Annotation, markers: [at: number, marker: string][]): void {
  const isMarker = annotation.type === "file_citation";
  let before = 0;
  for (const [at, marker] of markers) {
    if (isMarker && marker === annotation.text) break;
    if (at <= annotation.start_index) before += Array.from(marker).length;
  }
  const length = isMarker ? Array.from(annotation.text).length : annotation.end_index - annotation.start_index;
  annotation.start_index += before;
  annotation.end_index = annotation.start_index + length;
}

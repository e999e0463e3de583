// What the page sends and what streams to it, for who wants to see the API at work.
import { signal } from "@preact/signals";

export interface Record {
  number: number;
  at: number;
  /** `POST /v1/threads`, or the name of an event. */
  name: string;
  path: string;
  /** JSON. */
  body: string;
}

const MOST_RECORDS = 5_000;
let kept: Record[] = [];
let number = 0;

/** How many records there were; who reads it is drawn anew when another comes. */
export const recorded = signal(0);

/** The records of a thread, the oldest first. */
export function recordsOf(thread: string): Record[] {
  return kept.filter(({ path, body }) => path.includes(thread) || body.includes(thread));
}

/** Fetches, and keeps what is sent as JSON and what comes as events. */
export async function fetchRecorded(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const { pathname: path } = new URL(input instanceof Request ? input.url : input, location.origin);
  if (typeof init?.body === "string") add(`${init.method ?? "GET"} ${path}`, path, init.body);
  const response = await fetch(input, init);
  if (!response.body || !response.headers.get("content-type")?.startsWith("text/event-stream")) return response;
  const { status, statusText, headers } = response;
  return new Response(response.body.pipeThrough(watchEvents(path)), { status, statusText, headers });
}

function watchEvents(path: string): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  const decoder = new TextDecoder();
  let rest = "";
  return new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(chunk);
      const events = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
      rest = events.pop() ?? "";
      for (const each of events) addEvent(path, each);
    },
  });
}

function addEvent(path: string, text: string): void {
  const fields = new Map(text.split("\n").map((line) => [line.split(":", 1)[0], line.replace(/^\w+: ?/, "")]));
  const data = fields.get("data");
  if (data?.startsWith("{")) add(fields.get("event") ?? "message", path, data);
}

function add(name: string, path: string, body: string): void {
  kept.push({ number: (number += 1), at: Date.now(), name, path, body });
  if (kept.length > MOST_RECORDS * 1.1) kept = kept.slice(-MOST_RECORDS);
  recorded.value = number;
}

// The official SDK, and the paths that only this server has.
import { computed, effect, signal } from "@preact/signals";
import OpenAI from "openai";
import { strings } from "../strings";
import { fetchRecorded } from "./journal";
import { key, refuseKey } from "./key";

/** The client of the key at hand. */
export const client = computed(
  () =>
    new OpenAI({
      apiKey: key.value ?? "",
      adminAPIKey: key.value ?? "",
      baseURL: `${location.origin}/v1`,
      dangerouslyAllowBrowser: true,
      fetch: fetchOwn,
    }),
);

/** Before the first upload the SDK asks for an empty `data:` address, which the page's policy refuses. */
async function fetchOwn(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  return input === "data:,"
    ? new Response("")
    : fetchRecorded(input, init);
}

/** Reads a list of the API to its end, page after page. */
export async function collect<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of pages) found.push(each);
  return found;
}

/** Gets what stands below `/assistd/`. */
export async function getOwn<T>(path: string, init: RequestInit = {}): Promise<T> {
  const headers = { authorization: `Bearer ${key.value ?? ""}` };
  const response = await fetch(`/assistd/${path}`, { ...init, headers }).catch((cause: Error) => {
    throw new OpenAI.APIConnectionError({ cause });
  });
  if (!response.ok) throw await toApiError(response);
  return (await response.json()) as T;
}

async function toApiError(response: Response): Promise<Error> {
  const body = (await response.json().catch(() => null)) as { error?: object } | null;
  return OpenAI.APIError.generate(response.status, body ?? undefined, response.statusText, response.headers);
}

/** Whether the key turned out to be one of an operator, who has no threads. */
export const isAdminKey = signal(false);
effect(() => {
  if (key.value) isAdminKey.value = false;
});

/** What to say of an error; a key that opens nothing any more leads back to the gate. */
export function explain(error: unknown): string {
  if (error instanceof OpenAI.AuthenticationError) refuseKey();
  if (error instanceof OpenAI.PermissionDeniedError && /admin key/i.test(error.message)) isAdminKey.value = true;
  if (error instanceof OpenAI.APIConnectionError) return strings.noAnswer;
  if (error instanceof OpenAI.APIError) return error.message.replace(/^\d{3} /, "");
  return error instanceof Error ? error.message : String(error);
}

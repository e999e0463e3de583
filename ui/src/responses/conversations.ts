// The conversations of this browser: the API lists none, so their ids and titles are kept here.
import { signal } from "@preact/signals";

const NAME = "assistd.conversations";
const MOST = 200;

export interface Kept {
  id: string;
  title: string;
  /** The newest response that this browser asked for. */
  response?: string;
}

export const conversations = signal<Kept[]>(read());

/** Puts a conversation first, with what is new of it. */
export function keep(changed: Kept): void {
  write([changed, ...conversations.value.filter(({ id }) => id !== changed.id)].slice(0, MOST));
}

/** Takes a conversation off the list; the server keeps it. */
export function forget(id: string): void {
  write(conversations.value.filter((each) => each.id !== id));
}

/** What is kept of a conversation. */
export function find(id: string): Kept | undefined {
  return conversations.value.find((each) => each.id === id);
}

function write(next: Kept[]): void {
  conversations.value = next;
  localStorage.setItem(NAME, JSON.stringify(next));
}

function read(): Kept[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(NAME) ?? "[]");
    return Array.isArray(found) ? (found as Kept[]).filter(({ id, title }) => id && title) : [];
  } catch {
    return []; // somebody else wrote there
  }
}

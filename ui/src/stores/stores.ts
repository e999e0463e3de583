// The vector stores of the key's project, and the one that is open with its files.
import { effect, signal } from "@preact/signals";
import type OpenAI from "openai";
import { client, collect, explain } from "../access/client";
import { key } from "../access/key";
import { openStore, route } from "../route";

export type Store = OpenAI.VectorStore;
export type StoreFile = OpenAI.VectorStores.VectorStoreFile;

interface Upload {
  file: File;
  failure: string | null;
}

export const stores = signal<Store[]>([]);
export const store = signal<Store | null>(null);
export const files = signal<StoreFile[]>([]);
/** The files that are on their way to the server, with the reason of those that did not arrive. */
export const uploads = signal<Upload[]>([]);
export const trouble = signal<string | null>(null);

const POLL_MS = 1_000;
/** Where the server does not answer. */
const SLOW_POLL_MS = 5_000;

effect(() => {
  const id = key.value && route.value.store;
  if (!key.value) stores.value = [];
  if (id === (store.peek()?.id ?? null)) return;
  store.value = null;
  files.value = [];
  uploads.value = [];
  if (id) void watchStore(id);
});

/** Reads the list anew. */
export async function loadStores(): Promise<void> {
  await attempt(async () => {
    stores.value = await collect(client.value.vectorStores.list({ limit: 100 }));
  });
}

/** Makes a store and opens it. */
export async function createStore(name: string, days: number | null): Promise<void> {
  await attempt(async () => {
    const made = await client.value.vectorStores.create({
      name,
      ...(days && { expires_after: { anchor: "last_active_at" as const, days } }),
    });
    stores.value = [made, ...stores.value];
    openStore(made.id);
  });
}

/** Deletes the open store; its files stay files. */
export async function deleteStore(id: string): Promise<void> {
  await attempt(async () => {
    await client.value.vectorStores.delete(id);
    stores.value = stores.value.filter((each) => each.id !== id);
    openStore(null);
  });
}

/** Uploads files to a store, one after the other; one that fails stays listed with its reason. */
export async function upload(id: string, chosen: File[]): Promise<void> {
  uploads.value = [...uploads.value, ...chosen.map((file) => ({ file, failure: null }))];
  for (const file of chosen) {
    try {
      await client.value.vectorStores.files.upload(id, file);
      uploads.value = uploads.value.filter((each) => each.file !== file);
    } catch (error) {
      const failure = explain(error);
      uploads.value = uploads.value.map((each) => (each.file === file ? { file, failure } : each));
    }
    void watchStore(id);
  }
}

/** Takes a file out of a store; it stays a file. */
export async function detach(id: string, file: string): Promise<void> {
  await attempt(() => client.value.vectorStores.files.delete(file, { vector_store_id: id }));
  await watchStore(id);
}

let timer = 0;

/** Reads the open store and its files, again and again as long as a file is in progress. */
async function watchStore(id: string): Promise<void> {
  await attempt(async () => {
    const read = await client.value.vectorStores.retrieve(id);
    const found = await collect(client.value.vectorStores.files.list(id, { limit: 100 }));
    if (route.value.store !== id) return;
    store.value = read;
    files.value = found;
  });
  clearTimeout(timer);
  if (route.value.store !== id || !files.value.some(({ status }) => status === "in_progress")) return;
  timer = setTimeout(() => void watchStore(id), trouble.value ? SLOW_POLL_MS : POLL_MS);
}

async function attempt(act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
    trouble.value = null;
  } catch (error) {
    trouble.value = explain(error);
  }
}

// Files of the API as blobs of this page: typed by us, whatever the server or the model says.
import type OpenAI from "openai";
import { client } from "../access/client";
import { uploads } from "../access/upload";
import { save } from "../render/save";

const PICTURES = new Map([
  ["png", "image/png"],
  ["jpg", "image/jpeg"],
  ["jpeg", "image/jpeg"],
  ["webp", "image/webp"],
  ["gif", "image/gif"],
  ["svg", "image/svg+xml"],
]);
const ADDRESSES = new Map<string, Promise<string>>();
const INFOS = new Map<string, Promise<OpenAI.FileObject>>();

/** What the API says of a file. */
export function infoOf(file: string): Promise<OpenAI.FileObject> {
  let info = INFOS.get(file);
  if (!info) {
    info = Promise.resolve(client.value.files.retrieve(file));
    info.catch(() => INFOS.delete(file));
    INFOS.set(file, info);
  }
  return info;
}

/** The name of a file, without folders. */
export async function nameOf(file: string): Promise<string> {
  return (await infoOf(file)).filename.split("/").at(-1) ?? file;
}

/** The end of a name, which says what kind a file is. */
export function endingOf(name: string): string {
  return name.split(".").at(-1)?.toLowerCase() ?? "";
}

/** Whether a browser may show it, in `<img>` only. */
export function isPicture(name: string): boolean {
  return PICTURES.has(endingOf(name));
}

/** The first bytes of a file; the rest is not read. */
export async function readStart(file: string, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const local = uploads.get(file);
  if (local) return new Uint8Array(await local.slice(0, most).arrayBuffer());
  const reader = (await client.value.files.content(file)).body!.getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    parts.push(next.value);
    length += next.value.length;
    if (length >= most) break;
  }
  void reader.cancel();
  return new Uint8Array(await new Blob(parts).slice(0, most).arrayBuffer());
}

/** An address of this page for a picture, for `<img>` only. */
export function addressOf(file: string): Promise<string> {
  let address = ADDRESSES.get(file);
  if (!address) {
    address = readBlob(file, true).then((blob) => URL.createObjectURL(blob));
    address.catch(() => ADDRESSES.delete(file));
    ADDRESSES.set(file, address);
  }
  return address;
}

/** Saves a file on the user's disk. */
export async function download(file: string): Promise<void> {
  save(await readBlob(file, false), await nameOf(file));
}

async function readBlob(file: string, isShown: boolean): Promise<Blob> {
  const content = await (uploads.get(file) ?? (await client.value.files.content(file))).arrayBuffer();
  const type = isShown ? (PICTURES.get(endingOf(await nameOf(file))) ?? "image/png") : "application/octet-stream";
  return new Blob([content], { type });
}

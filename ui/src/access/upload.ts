// Uploads that tell how far they are: `fetch` cannot, so they go by XMLHttpRequest.
import OpenAI from "openai";
import { key } from "./key";

/** Uploads of this page: the server does not give back what was uploaded for assistants. */
export const uploads = new Map<string, File>();

/** Uploads a file for assistants; `tell` hears the part that was sent, from 0 to 1. */
export function upload(
  file: File,
  tell: (part: number) => void,
  signal: AbortSignal,
): Promise<OpenAI.FileObject> {
  const request = new XMLHttpRequest();
  const form = new FormData();
  form.append("purpose", "assistants");
  form.append("file", file);
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => request.abort());
    request.upload.onprogress = ({ loaded, total }) => tell(total ? loaded / total : 0);
    request.onabort = () => reject(new DOMException("", "AbortError"));
    request.onerror = () => reject(new OpenAI.APIConnectionError({}));
    request.onload = () => {
      if (request.status !== 200) return reject(toError(request));
      const made = JSON.parse(request.responseText) as OpenAI.FileObject;
      uploads.set(made.id, file);
      resolve(made);
    };
    request.open("POST", "/v1/files");
    request.setRequestHeader("authorization", `Bearer ${key.value ?? ""}`);
    request.send(form);
  });
}

function toError({ status, statusText, responseText }: XMLHttpRequest): Error {
  let body: object | undefined;
  try {
    body = JSON.parse(responseText) as object;
  } catch {
    body = undefined; // a proxy's page
  }
  return OpenAI.APIError.generate(status, body, statusText, new Headers());
}

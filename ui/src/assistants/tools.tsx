// The tools of the assistant: Code Interpreter with its files, file search with its stores, functions.
import { signal } from "@preact/signals";
import type OpenAI from "openai";
import { useEffect, useState } from "preact/hooks";
import { client, explain } from "../access/client";
import { upload } from "../access/upload";
import { nameOf } from "../chat/files";
import { Icon, IconButton } from "../shell/icon";
import { strings } from "../strings";
import { current, edit } from "./assistants";
import { AddFunction, FunctionForms } from "./function_form";

type Tool = OpenAI.Beta.AssistantTool;
type FunctionTool = OpenAI.Beta.FunctionTool;

const stores = signal<OpenAI.VectorStore[]>([]);

export function Tools() {
  const tools = current.value.tools ?? [];
  const functions = tools.filter((each): each is FunctionTool => each.type === "function");
  const others = tools.filter(({ type }) => type !== "function");
  const put = (next: FunctionTool[]) => edit({ tools: [...others, ...next] });
  return (
    <fieldset>
      <legend>{strings.tools}</legend>
      <Switch type="code_interpreter" name={strings.codeInterpreter} />
      {hasTool("code_interpreter") && <CodeFiles />}
      <Switch type="file_search" name={strings.fileSearch} />
      {hasTool("file_search") && <Stores />}
      <FunctionForms functions={functions} onChange={put} />
      <AddFunction functions={functions} onChange={put} />
    </fieldset>
  );
}

function Switch({ type, name }: { type: "code_interpreter" | "file_search"; name: string }) {
  const others = (current.value.tools ?? []).filter((each) => each.type !== type);
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={hasTool(type)}
        onChange={(event) =>
          edit({ tools: event.currentTarget.checked ? [{ type } satisfies Tool, ...others] : others })
        }
      />
      {name}
    </label>
  );
}

function CodeFiles() {
  const [failure, setFailure] = useState<string | null>(null);
  const ids = current.value.tool_resources?.code_interpreter?.file_ids ?? [];
  const put = (file_ids: string[]) =>
    edit({ tool_resources: { ...current.value.tool_resources, code_interpreter: { file_ids } } });
  const add = async (files: FileList | null) => {
    setFailure(null);
    try {
      const never = new AbortController().signal;
      const made = await Promise.all([...(files ?? [])].map((file) => upload(file, () => undefined, never)));
      put([...ids, ...made.map(({ id }) => id)]);
    } catch (error) {
      setFailure(explain(error));
    }
  };
  return (
    <div class="inner">
      <ul>
        {ids.map((id) => (
          <FileRow key={id} id={id} onRemove={() => put(ids.filter((each) => each !== id))} />
        ))}
      </ul>
      <label class="button">
        <Icon name="attach" /> {strings.addFiles}
        <input class="hidden" type="file" multiple onChange={(event) => void add(event.currentTarget.files)} />
      </label>
      <p class="hint">{strings.afterSaving}</p>
      {failure && <p class="error">{failure}</p>}
    </div>
  );
}

function FileRow({ id, onRemove }: { id: string; onRemove: () => void }) {
  const [name, setName] = useState(id);
  useEffect(() => {
    nameOf(id).then(setName, () => setName(`${id} (${strings.noSuchFile})`));
  }, [id]);
  return (
    <li class="row">
      <span class="name">{name}</span>
      <IconButton icon="close" name={`${strings.removeFile} ${name}`} onClick={onRemove} />
    </li>
  );
}

function Stores() {
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    client.value.vectorStores.list({ limit: 100 }).then(
      ({ data }) => (stores.value = data),
      (error: unknown) => setFailure(explain(error)),
    );
  }, []);
  const ids = current.value.tool_resources?.file_search?.vector_store_ids ?? [];
  const put = (vector_store_ids: string[]) =>
    edit({ tool_resources: { ...current.value.tool_resources, file_search: { vector_store_ids } } });
  return (
    <div class="inner">
      {stores.value.map(({ id, name }) => (
        <label key={id} class="check">
          <input
            type="checkbox"
            checked={ids.includes(id)}
            onChange={({ currentTarget }) => put(currentTarget.checked ? [id] : ids.filter((each) => each !== id))}
          />
          {name || id}
        </label>
      ))}
      {stores.value.length === 0 && <p class="hint">{strings.noStores}</p>}
      <p class="hint">{strings.afterSaving}</p>
      {failure && <p class="error">{failure}</p>}
    </div>
  );
}

function hasTool(type: string): boolean {
  return (current.value.tools ?? []).some((each) => each.type === type);
}

// The last message, or the whole setup, as a program in Python, Node or curl.
import { useEffect, useState } from "preact/hooks";
import { current, overrides } from "../assistants/assistants";
import { run } from "../inspector/behind";
import { nameOf } from "../chat/files";
import { transcript } from "../chat/open_thread";
import { runOptions } from "../chat/run_options";
import type { Message } from "../chat/transcript";
import { CopyButton } from "../render/copy_button";
import { highlight } from "../render/highlight";
import { IconButton } from "../shell/icon";
import { dialog } from "../shell/layout";
import { Modal } from "../shell/modal";
import { strings } from "../strings";
import { copyMessage, copySetup, type Question, type Snippets } from "./snippets";

const LANGUAGES = ["Python", "Node", "curl"] as const;
const close = () => (dialog.value = null);

export function CopyAs() {
  const [isWhole, setWhole] = useState(false);
  const [language, setLanguage] = useState<keyof Snippets>("Python");
  const question = useQuestion();
  const code = question ? snippets(question, isWhole)[language] : "";
  return (
    <Modal name={strings.copyAs} class="copy-as" onClose={close}>
      <div class="row">
        <select
          aria-label={strings.copyWhat}
          value={String(isWhole)}
          onChange={(event) => setWhole(event.currentTarget.value === "true")}
        >
          <option value="false">{strings.thisMessage}</option>
          <option value="true">{strings.wholeSetup}</option>
        </select>
        <select
          aria-label={strings.language}
          value={language}
          onChange={(event) => setLanguage(event.currentTarget.value as keyof Snippets)}
        >
          {LANGUAGES.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
        <CopyButton text={code} />
        <IconButton icon="close" name={strings.close} onClick={close} />
      </div>
      <pre tabIndex={0} dir="ltr">
        <code>{code ? highlight(code, language.toLowerCase()) : strings.nothingSaid}</code>
      </pre>
    </Modal>
  );
}

/** The last question of the open thread, with the names of its files. */
function useQuestion(): Question | null {
  const [question, setQuestion] = useState<Question | null>(null);
  useEffect(() => {
    const entries = transcript.value?.entries.value ?? [];
    const last = entries.findLast((each) => each.kind === "message" && each.message.value.role === "user");
    if (last?.kind === "message") void read(last.message.value).then(setQuestion);
  }, []);
  return question;
}

async function read({ content, attachments }: Message): Promise<Question> {
  const text = content.map((part) => (part.type === "text" ? part.text.value : "")).join("\n");
  const files = (attachments ?? []).flatMap(({ file_id, tools }) => (file_id ? [{ file_id, tools: tools ?? [] }] : []));
  const named = files.map(async (each) => ({ ...each, name: await nameOf(each.file_id).catch(() => each.file_id) }));
  return { content: text, attachments: await Promise.all(named) };
}

function snippets(question: Question, isWhole: boolean): Snippets {
  const base = `${location.origin}/v1`;
  const options = { ...overrides.value, ...runOptions.value };
  if (isWhole) return copySetup({ base, form: form(), question, run: runOptions.value });
  const { thread_id: thread, assistant_id: assistant } = run.value!;
  return copyMessage({ base, thread, assistant, question, run: withoutNulls(options) as object });
}

/** The assistant as its form has it, without what is as it would be anyway. */
function form(): object {
  const { name, model, instructions, tools, tool_resources, temperature, top_p, ...others } = current.value;
  const { reasoning_effort, response_format, metadata } = others;
  return withoutNulls({
    model,
    name,
    instructions,
    tools,
    tool_resources: isEmpty(tool_resources) ? null : tool_resources,
    temperature: temperature === 1 ? null : temperature,
    top_p: top_p === 1 ? null : top_p,
    reasoning_effort,
    response_format: response_format === "auto" ? null : response_format,
    metadata: isEmpty(metadata) ? null : metadata,
  }) as object;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, each]) => each != null);
  return Object.fromEntries(entries.map(([name, each]) => [name, withoutNulls(each)]));
}

/** Whether nothing is in it, however deep. */
function isEmpty(value: unknown): boolean {
  return typeof value === "object" && (value === null || Object.values(value).every(isEmpty));
}

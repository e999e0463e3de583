// The calls that the page makes, as programs; the key is never in them.
import { Expression, write, writeArguments, writeShell } from "./literals";

export interface Question {
  content: string;
  attachments: { file_id: string; name: string; tools: object[] }[];
}

/** A message in a thread that is there, answered by an assistant that is there. */
export interface Said {
  base: string;
  thread: string;
  assistant: string;
  question: Question;
  /** What the run is given besides. */
  run: object;
}

/** The same from nothing: the assistant, the files, the thread. */
export interface Setup {
  base: string;
  form: object;
  question: Question;
  run: object;
}

export type Snippets = Record<"Python" | "Node" | "curl", string>;

export function copyMessage({ base, thread, assistant, question, run }: Said): Snippets {
  const attachments = question.attachments.map(({ file_id, tools }) => ({ file_id, tools }));
  const message = { role: "user", content: question.content, ...(attachments.length && { attachments }) };
  const ask = { assistant_id: assistant, ...run };
  return {
    Python: `${PYTHON(base)}
client.beta.threads.messages.create(
    ${write(thread, "python")},
${writeArguments(message, "python")}
)
${pythonRun(write(thread, "python"), ask)}`,
    Node: `${NODE(base)}
await client.beta.threads.messages.create(${write(thread, "javascript")}, {
${writeArguments(message, "javascript")}
});
${nodeRun(write(thread, "javascript"), ask)}`,
    curl: `${CURL(base)}
call threads/${thread}/messages ${writeShell(message)}
call threads/${thread}/runs ${writeShell({ ...ask, stream: true })}
`,
  };
}

export function copySetup({ base, form, question, run }: Setup): Snippets {
  const names = question.attachments.map(({ name }) => name);
  const attachments = question.attachments.map(({ tools }, at) => ({
    file_id: new Expression(`files[${at}].id`, `files[${at}].id`, `file${at}`),
    tools,
  }));
  const messages = [{ role: "user", content: question.content, ...(attachments.length && { attachments }) }];
  const ask = { assistant_id: new Expression("assistant.id", "assistant.id", "assistant"), ...run };
  return {
    Python: `${PYTHON(base)}
assistant = client.beta.assistants.create(
${writeArguments(form, "python")}
)
${names.length ? `names = ${write(names, "python")}\nfiles = [client.files.create(file=open(name, "rb"), purpose="assistants") for name in names]\n` : ""}thread = client.beta.threads.create(
${writeArguments({ messages }, "python")}
)
${pythonRun("thread.id", ask)}`,
    Node: `${names.length ? 'import fs from "node:fs";\n' : ""}${NODE(base)}
const assistant = await client.beta.assistants.create({
${writeArguments(form, "javascript")}
});
${names.length ? `const names = ${write(names, "javascript")};\nconst files = await Promise.all(\n  names.map((name) => client.files.create({ file: fs.createReadStream(name), purpose: "assistants" })),\n);\n` : ""}const thread = await client.beta.threads.create({
${writeArguments({ messages }, "javascript")}
});
${nodeRun("thread.id", ask)}`,
    curl: `${CURL(base)}
assistant=$(call assistants ${writeShell(form)} | grep -o 'asst_[A-Za-z0-9]*' | head -n 1)
${names.map((name, at) => `file${at}=$(send files -F purpose=assistants -F file=@${quote(name)} | grep -o 'file-[A-Za-z0-9]*' | head -n 1)\n`).join("")}call threads/runs ${writeShell({ ...ask, thread: { messages }, stream: true })}
`,
  };
}

const PYTHON = (base: string) => `import os

from openai import OpenAI

client = OpenAI(base_url=${write(base, "python")}, api_key=os.environ["OPENAI_API_KEY"])
`;

const NODE = (base: string) => `import OpenAI from "openai";

const client = new OpenAI({ baseURL: ${write(base, "javascript")}, apiKey: process.env.OPENAI_API_KEY });
`;

const CURL = (base: string) => `send() {
  path=$1; shift
  curl -sSN "${base}/$path" -H "Authorization: Bearer $OPENAI_API_KEY" -H "OpenAI-Beta: assistants=v2" "$@"
}
call() { send "$1" -H "Content-Type: application/json" -d "$2"; }
`;

function pythonRun(thread: string, ask: object): string {
  return `with client.beta.threads.runs.stream(
    thread_id=${thread},
${writeArguments(ask, "python")}
) as stream:
    for text in stream.text_deltas:
        print(text, end="", flush=True)
`;
}

function nodeRun(thread: string, ask: object): string {
  return `const stream = client.beta.threads.runs.stream(${thread}, {
${writeArguments(ask, "javascript")}
});
stream.on("textDelta", ({ value }) => process.stdout.write(value ?? ""));
await stream.finalRun();
`;
}

function quote(name: string): string {
  return `'${name.replaceAll("'", "'\\''")}'`;
}

// One story, told by the official Node SDK of whichever version is named: prints what the SDK saw, as JSON.
// Usage: story.cjs openai|openai4|azure ROOT KEY
const { createHash } = require("node:crypto");

const [name, root, key] = process.argv.slice(2);
const { AzureOpenAI, OpenAI, toFile } = require(name === "azure" ? "openai" : name);
const client =
  name === "azure"
    ? new AzureOpenAI({ endpoint: root, apiVersion: "2024-05-01-preview", apiKey: key })
    : new OpenAI({ baseURL: `${root}/v1`, apiKey: key });
const { threads } = client.beta;
const TABLE = Buffer.from("a,b\n1,2\n");
const DOT = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==",
  "base64",
);

// From version 5 on, only the innermost id stands by itself.
const within = (thread, id, body = {}) =>
  name === "openai4" ? [thread, id, body] : [id, { thread_id: thread, ...body }];

async function all(page) {
  const found = [];
  for await (const each of page) found.push(each);
  return found;
}

async function digest(id) {
  const content = await client.files.content(id);
  return createHash("sha256").update(Buffer.from(await content.arrayBuffer())).digest("hex");
}

async function accumulated(stream) {
  return {
    run: await stream.finalRun(),
    steps: await stream.finalRunSteps(),
    messages: await stream.finalMessages(),
  };
}

// A question of the program's own, whole and streamed.
async function chat() {
  const asked = { model: "gpt-4o", messages: [{ role: "user", content: "Hi" }] };
  const answer = await client.chat.completions.create(asked);
  let text = "";
  for await (const part of await client.chat.completions.create({ ...asked, stream: true }))
    text += part.choices[0]?.delta.content ?? "";
  return [answer.choices[0].message.content, text];
}

async function main() {
  const chatted = await chat();
  const file = await client.files.create({
    file: await toFile(TABLE, "numbers.csv"),
    purpose: "assistants",
  });
  const weather = { type: "function", function: { name: "get_weather", parameters: {} } };
  const assistant = await client.beta.assistants.create({
    model: "gpt-4o",
    tools: [{ type: "code_interpreter" }, weather],
    name: "Ada",
  });
  const attachments = [{ file_id: file.id, tools: [{ type: "code_interpreter" }] }];
  const thread = await threads.create({
    messages: [{ role: "user", content: "Draw.", attachments }],
  });
  const asked = { assistant_id: assistant.id };

  const run = await threads.runs.createAndPoll(thread.id, asked);
  const order = { order: "asc" };
  const polled = {
    run,
    steps: await all(threads.runs.steps.list(...within(thread.id, run.id, order))),
    messages: await all(threads.messages.list(thread.id, { run_id: run.id, ...order })),
  };
  const ids = polled.messages
    .flatMap((message) => message.content)
    .flatMap((part) => (part.type === "text" ? part.text.annotations : []))
    .map((annotation) => annotation.file_path.file_id);

  const picture = await client.files.create({
    file: await toFile(DOT, "dot.png"),
    purpose: "vision",
  });
  const content = [
    { type: "text", text: "Again, like this." },
    { type: "image_file", image_file: { file_id: picture.id } },
  ];
  await threads.messages.create(thread.id, { role: "user", content });
  let text = "";
  let code = "";
  const handlers = new Set();
  const stream = threads.runs.stream(thread.id, asked);
  const painted = [];
  stream.on("textDelta", (delta) => {
    text += delta.value ?? "";
    if (delta.value) painted.push("words");
  });
  stream.on("imageFileDone", () => painted.push("picture"));
  stream.on("toolCallDelta", (delta) => (code += delta.code_interpreter?.input ?? ""));
  stream.on("textDone", () => handlers.add("text_done"));
  stream.on("imageFileDone", () => handlers.add("image_file_done"));
  stream.on("messageDone", () => handlers.add("message_done"));
  stream.on("end", () => handlers.add("end"));
  const streamed = await accumulated(stream);
  for (const part of streamed.messages.flatMap((message) => message.content))
    if (part.type === "image_file") ids.push(part.image_file.file_id);
  const downloads = {};
  for (const id of ids) downloads[id] = await digest(id);

  await threads.messages.create(thread.id, { role: "user", content: "And the weather?" });
  const waiting = await threads.runs.stream(thread.id, asked).finalRun();
  const [call] = waiting.required_action.submit_tool_outputs.tool_calls;
  const outputs = { tool_outputs: [{ tool_call_id: call.id, output: "Sunny." }] };
  const last = threads.runs.submitToolOutputsStream(...within(thread.id, waiting.id, outputs));
  const called = { run: await last.finalRun(), messages: await last.finalMessages() };

  const pending = await client.uploads.create({
    filename: "a.csv",
    bytes: TABLE.length,
    mime_type: "text/csv",
    purpose: "batch",
  });
  const parts = [];
  for (let start = 0; start < TABLE.length; start += 3) {
    const data = await toFile(TABLE.subarray(start, start + 3), "part");
    parts.push((await client.uploads.parts.create(pending.id, { data })).id);
  }
  const upload = await client.uploads.complete(pending.id, { part_ids: parts });
  const pages = await all(threads.messages.list(thread.id, { limit: 2, ...order }));
  return {
    chatted,
    thread: thread.id,
    polled,
    streamed,
    text,
    code,
    handlers: [...handlers].sort(),
    painted,
    waiting,
    called,
    downloads,
    upload,
    pages: pages.map((message) => message.id),
  };
}

main().then(
  (told) => console.log(JSON.stringify(told)),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);

// The official SDK of Node, through every part of the Responses API.
// Usage: with_openai.cjs ROOT KEY
const { OpenAI, toFile } = require("openai");
const { baseURL, code, download, key, tell, DRAW, MODEL, SUM, TABLE } = require("./telling.cjs");

const client = new OpenAI({ baseURL, apiKey: key });
const { containers, conversations, responses } = client;
const WEATHER = {
  type: "function",
  name: "get_weather",
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
  strict: true,
};
const PLACE = {
  type: "json_schema",
  name: "place",
  strict: true,
  schema: {
    type: "object",
    properties: { city: { type: "string" }, degrees: { type: "integer" } },
    required: ["city", "degrees"],
    additionalProperties: false,
  },
};

async function all(page, most = Infinity) {
  const found = [];
  for await (const each of page) if (found.push(each) >= most) break;
  return found;
}

const content = async ({ container_id, file_id }) =>
  (await containers.files.content.retrieve(file_id, { container_id })).arrayBuffer();

// A stream, and a second turn behind it.
async function drawAndSum(fileId) {
  const asked = { model: MODEL, include: ["code_interpreter_call.outputs"] };
  const stream = responses.stream({ ...asked, input: DRAW, tools: [code(fileId)] });
  let text = "";
  let written = "";
  stream.on("response.output_text.delta", (event) => (text += event.delta));
  stream.on("response.code_interpreter_call_code.delta", (event) => (written += event.delta));
  const first = await stream.finalResponse();
  const kept = await responses.retrieve(first.id, { include: asked.include });
  const second = await responses.create({
    ...asked,
    input: SUM,
    tools: [code()],
    previous_response_id: first.id,
  });
  const items = await all(responses.inputItems.list(second.id, { order: "asc", limit: 2 }));
  const notes = first.output
    .filter((item) => item.type === "message")
    .flatMap((item) => item.content)
    .flatMap((part) => part.annotations);
  const plain = (output) => JSON.stringify(output, (name, value) => (name === "parsed" ? undefined : value));
  return {
    first: text,
    written,
    files: await download(notes, content),
    second: second.output_text,
    ids: [first.id, second.id],
    final: first.output_text,
    outputs: first.output.filter((item) => item.type !== "message").map((item) => item.outputs),
    is_kept: plain(kept.output) === plain(first.output),
    items: items.map((item) => item.type),
  };
}

// A container of the program's own, with files of both kinds.
async function useAContainer(fileId) {
  const container = await containers.create({ name: "mine", file_ids: [fileId] });
  const file = await toFile(Buffer.concat([TABLE, TABLE]), "more.csv");
  const uploaded = await containers.files.create(container.id, { file });
  const tools = [{ type: "code_interpreter", container: container.id }];
  const read = await responses.create({ model: MODEL, input: "Read.", tools });
  const files = {};
  for (const each of await all(containers.files.list(container.id)))
    files[each.id] = [each.path, each.bytes, each.source];
  const ids = { container_id: container.id, file_id: uploaded.id };
  const same = Buffer.from(await content(ids)).equals(Buffer.concat([TABLE, TABLE]));
  const listed = await all(containers.list());
  const deleted = await containers.files.delete(uploaded.id, { container_id: container.id });
  await containers.delete(container.id);
  return {
    id: container.id,
    used: read.output.filter((item) => item.type !== "message").map((item) => item.container_id),
    files,
    uploaded: uploaded.id,
    same,
    is_listed: listed.some((each) => each.id === container.id),
    deleted: deleted ?? null,
  };
}

// Two turns of a conversation, and what it holds.
async function converse() {
  const conversation = await conversations.create({
    metadata: { about: "Rome" },
    items: [{ type: "message", role: "user", content: "I live in Rome." }],
  });
  const answers = [];
  for (const input of ["Where?", "Again?"]) {
    const asked = { model: MODEL, input, conversation: conversation.id };
    answers.push((await responses.create(asked)).output_text);
  }
  const items = await all(conversations.items.list(conversation.id, { order: "asc", limit: 2 }));
  const { metadata } = await conversations.retrieve(conversation.id);
  const { deleted } = await conversations.delete(conversation.id);
  return { answers, roles: items.map((item) => item.role), metadata, deleted };
}

// A function of the program's own, answered in a second response.
async function callAFunction() {
  const asked = { model: MODEL, tools: [WEATHER] };
  const waiting = await responses.stream({ ...asked, input: "And the weather?" }).finalResponse();
  const [call] = waiting.output;
  const input = [{ type: "function_call_output", call_id: call.call_id, output: "Sunny." }];
  const done = await responses.create({ ...asked, input, previous_response_id: waiting.id });
  return `${call.arguments} ${done.output_text}`;
}

async function parse() {
  const asked = { model: MODEL, input: "Where?", text: { format: PLACE } };
  return (await responses.parse(asked)).output_parsed;
}

// A stream in the background that is left, and read on from where it was left.
async function readInTheBackground() {
  const numbers = [];
  let text = "";
  let id;
  const note = (event) => {
    numbers.push(event.sequence_number);
    if (event.type === "response.created") id = event.response.id;
    if (event.type === "response.output_text.delta") text += event.delta;
    return event.type === "response.output_text.delta";
  };
  const asked = { model: MODEL, input: "Count.", background: true, stream: true };
  for await (const event of await responses.create(asked)) if (note(event)) break;
  const rest = { stream: true, starting_after: numbers.at(-1) };
  for await (const event of await responses.retrieve(id, rest)) note(event);
  return { numbers, text, status: (await responses.retrieve(id)).status };
}

tell(async () => {
  const file = await toFile(TABLE, "numbers.csv");
  const { id } = await client.files.create({ file, purpose: "user_data" });
  const seen = await drawAndSum(id);
  seen.container = await useAContainer(id);
  seen.conversation = await converse();
  seen.called = await callAFunction();
  seen.parsed = await parse();
  seen.background = await readInTheBackground();
  await responses.delete(seen.ids[0]);
  return seen;
});

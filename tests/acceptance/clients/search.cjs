// File search, told by the official Node SDK of whichever version is named: from a store to footnotes.
// Usage: search.cjs openai|openai4 ROOT KEY
const [name, root, key] = process.argv.slice(2);
const { OpenAI, toFile } = require(name);

const client = new OpenAI({ baseURL: `${root}/v1`, apiKey: key });
const { assistants, threads } = client.beta;
const { vectorStores } = client;
const SEARCH = { type: "file_search" };
const file = (name, text) => toFile(Buffer.from(text), name);

// From version 5 on, only the innermost id stands by itself.
const within = (outer, kind, id, body = {}) =>
  name === "openai4" ? [outer, id, body] : [id, { [kind]: outer, ...body }];

async function all(page) {
  const found = [];
  for await (const each of page) found.push(each);
  return found;
}

// The answer with numbers for its citations, and what the numbers stand for.
async function withFootnotes(message) {
  const { value, annotations } = message.content[0].text;
  let text = value;
  const notes = [];
  for (const [number, annotation] of annotations.entries()) {
    text = text.replace(annotation.text, `[${number}]`);
    const cited = await client.files.retrieve(annotation.file_citation.file_id);
    notes.push(`[${number}] ${cited.filename}`);
  }
  return [text, notes];
}

async function main() {
  let assistant = await assistants.create({
    name: "Host",
    instructions: "You know the restaurant.",
    model: "gpt-4o",
    tools: [SEARCH],
  });
  const store = await vectorStores.create({ name: "Restaurant" });
  const batch = await vectorStores.fileBatches.uploadAndPoll(store.id, {
    files: [
      await file("menu.md", "# Menu\nOn Fridays there is soup of pumpkins."),
      await file("hours.txt", "The kitchen opens at noon and closes at ten."),
    ],
  });
  const team = await file("team.md", "Ada cooks, and Grace bakes the bread.");
  const added = await vectorStores.files.uploadAndPoll(store.id, team);
  assistant = await assistants.update(assistant.id, {
    tool_resources: { file_search: { vector_store_ids: [store.id] } },
  });

  const attached = await client.files.create({
    file: await file("guests.txt", "On Friday a party of twelve comes."),
    purpose: "assistants",
  });
  const attachments = [{ file_id: attached.id, tools: [SEARCH] }];
  const thread = await threads.create({
    messages: [{ role: "user", content: "What is on Friday?", attachments }],
  });
  const asked = { assistant_id: assistant.id };
  const tools = [];
  const stream = threads.runs.stream(thread.id, asked);
  stream.on("toolCallCreated", (call) => tools.push(call.type));
  const streamed = await withFootnotes((await stream.finalMessages())[0]);

  await threads.messages.create(thread.id, { role: "user", content: "And who cooks?" });
  const run = await threads.runs.createAndPoll(thread.id, asked);
  const [answer] = await all(threads.messages.list(thread.id, { run_id: run.id }));

  const include = ["step_details.tool_calls[*].file_search.results[*].content"];
  const steps = threads.runs.steps.list(...within(thread.id, "thread_id", run.id, { include }));
  const [, step] = await all(steps);
  const [call] = step.step_details.tool_calls;
  const found = await vectorStores.search(store.id, { query: "bread", max_num_results: 1 });
  const [own] = thread.tool_resources.file_search.vector_store_ids;
  const { results } = call.file_search;
  const seen = {
    batch: [batch.status, batch.file_counts.completed],
    added: added.status,
    listed: (await all(vectorStores.files.list(store.id))).length,
    attached: (await all(vectorStores.files.list(own))).map((each) => each.id === attached.id),
    tools,
    streamed,
    status: run.status,
    polled: await withFootnotes(answer),
    results: results.map((each) => each.file_name).sort(),
    shown: results.every((each) => each.content.length > 0),
    searched: (await all(found)).map((each) => each.filename),
  };
  const remove = name === "openai4" ? "del" : "delete";
  await vectorStores.files[remove](...within(store.id, "vector_store_id", added.id));
  seen.left = (await all(vectorStores.files.list(store.id))).length;
  seen.deleted = (await vectorStores[remove](store.id)).deleted;
  return seen;
}

main().then(
  (told) => console.log(JSON.stringify(told)),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);

// One story, told by @azure/openai-assistants, which speaks v1: prints what the client saw, as JSON.
// Usage: azure_assistants.cjs azure|openai ROOT KEY
const { AssistantsClient, AzureKeyCredential, OpenAIKeyCredential } = require("@azure/openai-assistants");

const [kind, root, key] = process.argv.slice(2);
const plainly = { allowInsecureConnection: true };
const client =
  kind === "azure"
    ? new AssistantsClient(root, new AzureKeyCredential(key), plainly)
    : new AssistantsClient(new OpenAIKeyCredential(key), { baseUrl: `${root}/v1`, ...plainly });

async function ended(run) {
  while (["queued", "in_progress"].includes(run.status)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    run = await client.getRun(run.threadId, run.id);
  }
  return run;
}

async function seen(run) {
  const order = { order: "asc" };
  const steps = (await client.listRunSteps(run.threadId, run.id, order)).data;
  const messages = (await client.listMessages(run.threadId, order)).data;
  const one = await client.getRunStep(run.threadId, run.id, steps[0].id);
  return { run, steps, one, messages: messages.filter((each) => each.runId === run.id) };
}

async function main() {
  const table = Buffer.from("a,b\n1,2\n");
  const file = await client.uploadFile(table, "assistants", { filename: "numbers.csv" });
  const weather = {
    type: "function",
    function: { name: "get_weather", description: "", parameters: {} },
  };
  const assistant = await client.createAssistant({
    model: "gpt-4o",
    name: "Ada",
    tools: [{ type: "code_interpreter" }, weather],
    fileIds: [file.id],
  });
  const attached = (await client.listAssistantFiles(assistant.id)).data;
  const other = await client.uploadFile(table, "assistants", { filename: "other.csv" });
  await client.createAssistantFile(assistant.id, other.id);
  await client.deleteAssistantFile(assistant.id, other.id);
  const kept = await client.updateAssistant(assistant.id, { name: "Grace" });

  const thread = await client.createThread();
  const question = await client.createMessage(thread.id, "user", "Draw.", { fileIds: [other.id] });
  const asked = { assistantId: assistant.id };
  const polled = await seen(await ended(await client.createRun(thread.id, asked)));
  const messageFiles = (await client.listMessageFiles(thread.id, question.id)).data;

  await client.createMessage(thread.id, "user", "And the weather?");
  const waiting = await ended(await client.createRun(thread.id, asked));
  const [call] = waiting.requiredAction.submitToolOutputs.toolCalls;
  const outputs = [{ toolCallId: call.id, output: "Sunny." }];
  const called = await seen(
    await ended(await client.submitToolOutputsToRun(thread.id, waiting.id, outputs)),
  );
  const both = await ended(
    await client.createThreadAndRun({
      assistantId: assistant.id,
      thread: { messages: [{ role: "user", content: "Hi." }] },
    }),
  );
  const runs = (await client.listRuns(thread.id)).data;
  const retrieving = await client.createAssistant({
    model: "gpt-4o",
    tools: [{ type: "retrieval" }],
    fileIds: [file.id],
  });
  const gone = await client.deleteThread(thread.id);
  return { file, assistant, attached, kept, question, messageFiles, polled, waiting, called, both, runs, retrieving, gone };
}

main().then(
  (told) => console.log(JSON.stringify(told)),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);

// The AI SDK with its provider of OpenAI: a stream, a second turn by references to its items, and a third that is not
// stored: it has no calls of code in its history, so the container is named.
// Usage: with_ai.cjs ROOT KEY
const { createOpenAI } = require("@ai-sdk/openai");
const { generateText, streamText } = require("ai");
const { baseURL, download, key, tell, upload, DRAW, MODEL, SUM } = require("./telling.cjs");

tell(async () => {
  const openai = createOpenAI({ baseURL, apiKey: key });
  const model = openai.responses(MODEL);
  const container = { fileIds: [await upload()] };
  const tools = { code_interpreter: openai.tools.codeInterpreter({ container }) };
  const asked = [{ role: "user", content: DRAW }];
  const streamed = streamText({ model, tools, messages: asked });
  let text = "";
  for await (const delta of streamed.textStream) text += delta;
  const results = await streamed.toolResults;
  const calls = await streamed.toolCalls;
  const sources = await streamed.sources;
  asked.push(...(await streamed.response).messages, { role: "user", content: SUM });
  const second = await generateText({ model, tools, messages: asked });
  const [{ input }] = calls;
  const third = await generateText({
    model,
    messages: [{ role: "user", content: SUM }],
    tools: { code_interpreter: openai.tools.codeInterpreter({ container: input.containerId }) },
    providerOptions: { openai: { store: false } },
  });
  const notes = sources.map(({ filename, providerMetadata: { openai: note } }) => ({
    container_id: note.containerId,
    file_id: note.fileId,
    filename,
  }));
  return {
    first: text,
    files: await download(notes),
    second: second.text,
    third: third.text,
    outputs: results.map((result) => result.output.outputs),
  };
});

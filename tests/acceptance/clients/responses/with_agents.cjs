// The Agents SDK of Node: a stream, its history sent back, and a third turn by the id of the last response.
// Usage: with_agents.cjs ROOT KEY
const {
  Agent,
  codeInterpreterTool,
  run,
  setDefaultOpenAIClient,
  setTracingDisabled,
} = require("@openai/agents");
const { OpenAI } = require("openai");
const { baseURL, code, download, key, tell, upload, DRAW, MODEL, SUM } = require("./telling.cjs");

tell(async () => {
  setTracingDisabled(true);
  setDefaultOpenAIClient(new OpenAI({ baseURL, apiKey: key }));
  const { container } = code(await upload());
  const agent = new Agent({ name: "Ada", model: MODEL, tools: [codeInterpreterTool({ container })] });
  const streamed = await run(agent, DRAW, { stream: true });
  let text = "";
  for await (const event of streamed)
    if (event.type === "raw_model_stream_event" && event.data.type === "output_text_delta")
      text += event.data.delta;
  await streamed.completed;
  const notes = streamed.newItems
    .filter((item) => item.type === "message_output_item")
    .flatMap((item) => item.rawItem.content)
    .flatMap((part) => part.providerData?.annotations ?? []);
  const replayed = await run(agent, [...streamed.history, { role: "user", content: SUM }]);
  const chained = await run(agent, SUM, { previousResponseId: replayed.lastResponseId });
  return {
    first: text,
    final: streamed.finalOutput,
    files: await download(notes),
    second: replayed.finalOutput,
    third: chained.finalOutput,
  };
});

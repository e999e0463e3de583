// LangChain's ChatOpenAI: a stream, its messages sent back, and a third turn by the id of the last response.
// Usage: with_langchain.cjs ROOT KEY
const { HumanMessage } = require("@langchain/core/messages");
const { concat } = require("@langchain/core/utils/stream");
const { ChatOpenAI, tools } = require("@langchain/openai");
const { baseURL, download, key, tell, upload, DRAW, MODEL, SUM } = require("./telling.cjs");

tell(async () => {
  const chat = new ChatOpenAI({
    model: MODEL,
    apiKey: key,
    configuration: { baseURL },
    useResponsesApi: true,
  });
  const options = {
    tools: [tools.codeInterpreter({ container: { fileIds: [await upload()] } })],
    include: ["code_interpreter_call.outputs"],
  };
  const asked = [new HumanMessage(DRAW)];
  let text = "";
  let first;
  for await (const chunk of await chat.stream(asked, options)) {
    text += chunk.text;
    first = first ? concat(first, chunk) : chunk;
  }
  asked.push(first, new HumanMessage(SUM));
  const second = await chat.invoke(asked, options);
  const previous_response_id = second.response_metadata.id;
  const third = await chat.invoke([new HumanMessage(SUM)], { ...options, previous_response_id });
  const notes = first.content
    .flatMap((block) => block.annotations)
    .map((note) => ({ ...note, filename: note.title }));
  return {
    first: text,
    files: await download(notes),
    second: second.text,
    third: third.text,
    tokens: [first.usage_metadata.total_tokens, second.usage_metadata.total_tokens],
  };
});

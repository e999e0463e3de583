// What one asks of the next runs beside the question: instructions, a tool, a limit of tokens.
import { computed, signal } from "@preact/signals";
import type OpenAI from "openai";
import { current } from "../assistants/assistants";
import { IconButton } from "../shell/icon";
import { strings } from "../strings";

type Params = Pick<
  OpenAI.Beta.Threads.RunCreateParams,
  "additional_instructions" | "tool_choice" | "max_completion_tokens"
>;

const instructions = signal("");
const tool = signal("auto");
const tokens = signal("");

/** The parameters of a run that were chosen here. */
export const runOptions = computed<Params>(() => ({
  ...(instructions.value.trim() && { additional_instructions: instructions.value }),
  ...(tool.value !== "auto" && { tool_choice: toolChoice(tool.value) }),
  ...(Number(tokens.value) > 0 && { max_completion_tokens: Number(tokens.value) }),
}));

export function RunOptions() {
  return (
    <fieldset class="run-options">
      <legend>{strings.runOptions}</legend>
      <label>
        {strings.additionalInstructions}
        <textarea
          rows={2}
          dir="auto"
          value={instructions.value}
          onInput={(event) => (instructions.value = event.currentTarget.value)}
        />
      </label>
      <label>
        {strings.toolChoice}
        <select value={tool.value} onChange={(event) => (tool.value = event.currentTarget.value)}>
          {toolNames().map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label>
        {strings.maxTokens}
        <input
          type="number"
          min="256"
          inputMode="numeric"
          placeholder={strings.maxTokensHint}
          value={tokens.value}
          onInput={(event) => (tokens.value = event.currentTarget.value)}
        />
      </label>
    </fieldset>
  );
}

/** Says that something was chosen, and forgets it at a press. */
export function RunOptionsChip() {
  const names = Object.keys(runOptions.value).map((name) => strings.runOptionNames[name as keyof Params]);
  if (names.length === 0) return null;
  const clear = () => {
    instructions.value = tokens.value = "";
    tool.value = "auto";
  };
  return (
    <li class="chip">
      {strings.runOptionsSet(names)}
      <IconButton icon="close" name={strings.clearRunOptions} onClick={clear} />
    </li>
  );
}

function toolNames(): string[] {
  const tools = current.value.tools ?? [];
  return ["auto", "none", "required", ...tools.map((each) => (each.type === "function" ? each.function.name : each.type))];
}

function toolChoice(name: string): OpenAI.Beta.Threads.AssistantToolChoiceOption {
  if (name === "auto" || name === "none" || name === "required") return name;
  if (name === "code_interpreter" || name === "file_search") return { type: name };
  return { type: "function", function: { name } };
}

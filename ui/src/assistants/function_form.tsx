// Functions that a model may call; the schema of each is checked while it is typed, and taken when it is right.
import type OpenAI from "openai";
import { useId, useState } from "preact/hooks";
import { Icon, IconButton } from "../shell/icon";
import { strings } from "../strings";
import { checkSchema } from "./json_schema";

type FunctionTool = OpenAI.Beta.FunctionTool;

interface ListProps {
  functions: FunctionTool[];
  onChange: (functions: FunctionTool[]) => void;
}

/** A form for each function. */
export function FunctionForms({ functions, onChange }: ListProps) {
  return (
    <>
      {functions.map((each, at) => (
        <FunctionForm
          key={at}
          tool={each}
          onChange={(next) => onChange(functions.with(at, next))}
          onRemove={() => onChange(functions.filter((_, index) => index !== at))}
        />
      ))}
    </>
  );
}

/** Adds a function that is yet to be described. */
export function AddFunction({ functions, onChange }: ListProps) {
  return (
    <button type="button" onClick={() => onChange([...functions, emptyFunction()])}>
      <Icon name="add" /> {strings.addFunction}
    </button>
  );
}

function emptyFunction(): FunctionTool {
  return { type: "function", function: { name: "", description: "", parameters: { type: "object", properties: {} } } };
}

interface Props {
  tool: FunctionTool;
  onChange: (tool: FunctionTool) => void;
  onRemove: () => void;
}

function FunctionForm({ tool, onChange, onRemove }: Props) {
  const { name, description, parameters } = tool.function;
  const [text, setText] = useState(() => JSON.stringify(parameters ?? { type: "object", properties: {} }, null, 2));
  const [failure, setFailure] = useState<string | null>(null);
  const [isNew] = useState(!name);
  const hint = useId();
  const put = (change: Partial<FunctionTool["function"]>) =>
    onChange({ ...tool, function: { ...tool.function, ...change } });
  const type = (typed: string) => {
    setText(typed);
    const { schema, fault } = checkSchema(typed);
    setFailure(fault);
    if (schema) put({ parameters: schema });
  };
  return (
    <details class="inner" open={isNew}>
      <summary>
        {strings.functionName}: <code>{name || "…"}</code>
      </summary>
      <label>
        {strings.name}
        <input
          required
          pattern="[a-zA-Z0-9_\-]{1,64}"
          title={strings.functionNameRule}
          value={name}
          onInput={(event) => put({ name: event.currentTarget.value })}
        />
      </label>
      <label>
        {strings.description}
        <textarea
          rows={2}
          dir="auto"
          value={description ?? ""}
          onInput={(event) => put({ description: event.currentTarget.value })}
        />
      </label>
      <label>
        {strings.schema}
        <textarea
          class="growing code"
          rows={6}
          spellcheck={false}
          value={text}
          aria-invalid={failure !== null}
          aria-describedby={hint}
          onInput={(event) => type(event.currentTarget.value)}
        />
      </label>
      <p id={hint} class={failure ? "error" : "hint"} role="status">
        {failure ?? strings.schemaIsRight}
      </p>
      <IconButton icon="delete" name={`${strings.removeFunction} ${name}`} onClick={onRemove} />
    </details>
  );
}

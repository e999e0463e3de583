// How the model answers: temperature, top_p, effort, the form of its answer.
import type OpenAI from "openai";
import { useState } from "preact/hooks";
import { strings } from "../strings";
import { current, edit } from "./assistants";
import { checkObject } from "./json_schema";

const EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh"] as const;
const FORMATS = ["auto", "text", "json_object", "json_schema"] as const;
type Format = (typeof FORMATS)[number];

export function ModelSettings() {
  const { temperature, top_p, reasoning_effort } = current.value;
  return (
    <fieldset>
      <legend>{strings.modelSettings}</legend>
      <Slider name={strings.temperature} most={2} value={temperature} onChange={(value) => edit({ temperature: value })} />
      <Slider name="Top p" most={1} value={top_p} onChange={(value) => edit({ top_p: value })} />
      <label>
        {strings.effort}
        <select
          value={reasoning_effort ?? ""}
          onChange={({ currentTarget: { value } }) =>
            edit({ reasoning_effort: EFFORTS.find((each) => each === value) ?? null } as Parameters<typeof edit>[0])
          }
        >
          <option value="">{strings.modelDecides}</option>
          {EFFORTS.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      </label>
      <ResponseFormat />
    </fieldset>
  );
}

interface SliderProps {
  name: string;
  most: number;
  value: number | null | undefined;
  onChange: (value: number) => void;
}

function Slider({ name, most, value, onChange }: SliderProps) {
  return (
    <label>
      <span class="row">
        {name} <output class="hint">{value ?? 1}</output>
      </span>
      <input
        type="range"
        min="0"
        max={most}
        step="0.05"
        value={value ?? 1}
        onInput={(event) => onChange(event.currentTarget.valueAsNumber)}
      />
    </label>
  );
}

function ResponseFormat() {
  const given = current.value.response_format ?? "auto";
  const type: Format = given === "auto" ? "auto" : given.type;
  const schema = given !== "auto" && given.type === "json_schema" ? given.json_schema : { name: "answer", schema: {} };
  const [text, setText] = useState(() => JSON.stringify(schema, null, 2));
  const [failure, setFailure] = useState<string | null>(null);
  const put = (next: Format, typed: string) => {
    const checked = checkObject(typed);
    setFailure(next === "json_schema" ? checked.fault : null);
    if (next === "auto") edit({ response_format: "auto" });
    else if (next !== "json_schema") edit({ response_format: { type: next } });
    else if (checked.schema)
      edit({ response_format: { type: next, json_schema: checked.schema as unknown as OpenAI.ResponseFormatJSONSchema["json_schema"] } });
  };
  return (
    <>
      <label>
        {strings.responseFormat}
        <select value={type} onChange={({ currentTarget: { value } }) => put(value as Format, text)}>
          {FORMATS.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      </label>
      {type === "json_schema" && (
        <label>
          {strings.schema}
          <textarea
            class="growing code"
            rows={4}
            spellcheck={false}
            aria-invalid={failure !== null}
            value={text}
            onInput={({ currentTarget: { value } }) => {
              setText(value);
              put(type, value);
            }}
          />
          <span class={failure ? "error" : "hint"}>{failure ?? strings.formatHint}</span>
        </label>
      )}
    </>
  );
}

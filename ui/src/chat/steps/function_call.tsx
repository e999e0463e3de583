// A call of a function of the client's, with its answer.
import type OpenAI from "openai";
import { Code } from "../../render/highlight";
import { indent } from "../../render/json";
import { LongText } from "../../render/long_text";
import { strings } from "../../strings";
import { State } from "./code_call";
import type { Step } from "../transcript";

type Function = OpenAI.Beta.Threads.Runs.FunctionToolCall["function"];

export function FunctionCall({ call, status }: { call: Function | undefined; status: Step["status"] }) {
  return (
    <details class="call">
      <summary>
        <code>{call?.name}</code> <State status={status} running={strings.waitsForYou} />
      </summary>
      <Code text={indent(call?.arguments ?? "")} language="json" />
      {call?.output != null && <LongText text={call.output} />}
    </details>
  );
}

// What the assistant did between two messages: its calls of tools.
import type { ReadonlySignal } from "@preact/signals";
import { CodeCall } from "./code_call";
import { FunctionCall } from "./function_call";
import { SearchCall } from "./search_call";
import type { Step } from "../transcript";

export function StepView({ step }: { step: ReadonlySignal<Step> }) {
  const { step_details, status, last_error } = step.value;
  if (step_details.type !== "tool_calls") return null;
  return (
    <>
      {step_details.tool_calls.map((call, at) => {
        const key = call.id || at;
        if (call.type === "code_interpreter") return <CodeCall key={key} call={call.code_interpreter} status={status} />;
        if (call.type === "function") return <FunctionCall key={key} call={call.function} status={status} />;
        return <SearchCall key={key} step={step.value} results={call.file_search?.results ?? []} />;
      })}
      {last_error && <p class="error">{last_error.message}</p>}
    </>
  );
}

// One cell: its code and what came of it.
import type OpenAI from "openai";
import { readTerminal } from "../../render/controls";
import { Code } from "../../render/highlight";
import { LongText } from "../../render/long_text";
import { strings } from "../../strings";
import { CopyButton } from "../../render/copy_button";
import { Picture } from "../picture";
import type { Step } from "../transcript";
import { findFault } from "./fault";

type Call = OpenAI.Beta.Threads.Runs.CodeInterpreterToolCall["code_interpreter"];
type Status = Step["status"];

export function CodeCall({ call, status }: { call: Call | undefined; status: Status }) {
  const code = call?.input ?? "";
  const outputs = call?.outputs ?? [];
  const isRunning = status === "in_progress";
  const logs = outputs.map((output) => (output.type === "logs" ? readTerminal(output.logs ?? "") : ""));
  const failure = logs.map(findFault).findLast(Boolean) ?? null;
  return (
    <section class="call code-call" aria-label={strings.python}>
      <details open={isRunning}>
        <summary>
          {strings.python} <State status={status} isBad={failure !== null} />
        </summary>
        <Code text={code} language="python" />
      </details>
      {code && <CopyButton text={code} />}
      {failure && <p class="failure" dir="auto">{failure}</p>}
      {outputs.map((output, at) =>
        output.type === "logs" ? (
          logs[at] && <LongText key={at} text={logs[at]} />
        ) : (
          output.image?.file_id && <Picture key={at} file={output.image.file_id} />
        ),
      )}
    </section>
  );
}

interface StateProps {
  status: Status;
  isBad?: boolean;
  running?: string;
}

/** How a call stands: a word while it runs, a sign afterwards. */
export function State({ status, isBad = false, running = strings.running }: StateProps) {
  if (status === "in_progress") return <span class="state">{running}</span>;
  if (status === "cancelled") return <span class="state">{strings.stopped}</span>;
  const isGood = status === "completed" && !isBad;
  return (
    <span class={`state ${isGood ? "good" : "bad"}`} title={isGood ? strings.done : strings.failed}>
      {isGood ? "✓" : "✗"}
      <span class="hidden">{isGood ? strings.done : strings.failed}</span>
    </span>
  );
}

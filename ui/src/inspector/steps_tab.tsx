// One run of the open thread: where its time went, what it cost, its steps as the API has them.
import type OpenAI from "openai";
import { transcript } from "../chat/open_thread";
import { callsOf, outputsOf } from "../chat/steps/calls";
import { findFault } from "../chat/steps/fault";
import type { Run, Step } from "../chat/transcript";
import { CopyButton } from "../render/copy_button";
import { sizeOf } from "../render/units";
import { open } from "../route";
import { dialog } from "../shell/layout";
import { session } from "../shell/session";
import { Icon } from "../shell/icon";
import { strings } from "../strings";
import { failure, lengthOf, run, steps, timeline } from "./behind";
import { Fold, Json } from "./fold";
import { Waterfall } from "./waterfall";

export function StepsTab() {
  const here = transcript.value;
  if (!here || !run.value) return <p class="hint">{strings.noRuns}</p>;
  return (
    <>
      <Thread thread={here.thread} runs={here.runs.value} />
      <RunHead run={run.value} />
      {failure.value && <p class="error">{failure.value}</p>}
      {timeline.value && timeline.value.spans.length > 0 && <Waterfall timeline={timeline.value} />}
      <Numbers run={run.value} />
      <h2>{strings.steps}</h2>
      {steps.value.map((step, at) => (
        <StepRow key={step.id} step={step} number={at + 1} />
      ))}
      <Fold summary={strings.runObject}>{() => <Json value={run.value} />}</Fold>
      <p>
        <button onClick={() => (dialog.value = "copy")}>
          <Icon name="code" /> {strings.copyAs}
        </button>
      </p>
    </>
  );
}

function Thread({ thread, runs }: { thread: string; runs: Run[] }) {
  const tokens = runs.reduce((sum, { usage }) => sum + (usage?.total_tokens ?? 0), 0);
  return (
    <p class="row">
      <code class="id">{thread}</code>
      <span class="hint">{strings.threadSum(runs.length, tokens)}</span>
      <CopyButton text={thread} />
    </p>
  );
}

function RunHead({ run: { id, status, thread_id, started_at, completed_at } }: { run: Run }) {
  const runs = transcript.value?.runs.value ?? [];
  const measured = timeline.value ? lengthOf(timeline.value) / 1000 : 0;
  const seconds = measured || (completed_at ?? 0) - (started_at ?? completed_at ?? 0);
  return (
    <div class="run-head">
      <select aria-label={strings.run} value={id} onChange={(event) => open(thread_id, event.currentTarget.value)}>
        {runs.map((each, at) => (
          <option key={each.id} value={each.id}>
            {at + 1}. {each.id}
          </option>
        ))}
      </select>
      <span class={`status ${status}`}>
        {status.replaceAll("_", " ")} {seconds > 0 && strings.milliseconds(1000 * seconds)}
      </span>
      <CopyButton text={id} />
    </div>
  );
}

function Numbers({ run: { usage } }: { run: Run }) {
  const first = timeline.value?.spans.find(({ name }) => name === "model_wait")?.end;
  const here = session.value;
  return (
    <dl class="numbers">
      {usage && (
        <>
          <dt>{strings.tokensUsed}</dt>
          <dd>{strings.inAndOut(usage.prompt_tokens, usage.completion_tokens)}</dd>
        </>
      )}
      {first != null && (
        <>
          <dt>{strings.firstToken}</dt>
          <dd>{strings.milliseconds(first)}</dd>
        </>
      )}
      {here?.cpu_seconds != null && (
        <>
          <dt>{strings.sessionProcessor}</dt>
          <dd>{strings.milliseconds(1000 * here.cpu_seconds)}</dd>
        </>
      )}
      {here?.memory_bytes != null && (
        <>
          <dt>{strings.sessionMemory}</dt>
          <dd>
            {sizeOf(here.memory_bytes)}
            {here.memory_limit_bytes ? ` / ${sizeOf(here.memory_limit_bytes)}` : ""}
          </dd>
        </>
      )}
    </dl>
  );
}

function StepRow({ step, number }: { step: Step; number: number }) {
  const fault = findFaultOf(step);
  const { step_details: details, status } = step;
  const name = callsOf(step).map(nameOf).join(", ") || details.type;
  return (
    <Fold
      summary={
        <>
          {number} {name} <span class={`status ${fault ? "failed" : status}`}>{fault ? "✗" : status === "completed" ? "✓" : status}</span>
          {fault && <code class="error">{fault}</code>}
        </>
      }
    >
      {() => <Json value={step} />}
    </Fold>
  );
}

function nameOf(call: OpenAI.Beta.Threads.Runs.ToolCall): string {
  return call.type === "function" ? call.function.name : call.type;
}

function findFaultOf(step: Step): string | null {
  return outputsOf(step).map((output) => (output.type === "logs" ? findFault(output.logs ?? "") : null)).findLast(Boolean) ?? null;
}

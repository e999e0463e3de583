// A run in the transcript: who answers above what it did, and below it how it stands or how it ended.
import { assistants } from "../../assistants/assistants";
import { strings } from "../../strings";
import { FunctionCard } from "../function_card";
import { retry, submit } from "../open_thread";
import { EndingCard, type Ending } from "./ending_card";
import { hasNoCode } from "./no_code";
import type { Run, Transcript } from "../transcript";
import { Waiting } from "./waiting";

const MOVING = new Set(["queued", "in_progress", "cancelling"]);

interface Props {
  here: Transcript;
  id: string;
}

export function RunHead({ here, run: id }: { here: Transcript; run: string }) {
  const run = here.runs.value.find((each) => each.id === id);
  const name = assistants.value.find((each) => each.id === run?.assistant_id)?.name;
  return (
    <header class="run-head">
      <h2>{name || strings.assistantName}</h2>
      {run && <span class="hint">{describe(run)}</span>}
    </header>
  );
}

export function RunEnd({ here, id }: Props) {
  const run = here.runs.value.find((each) => each.id === id);
  if (!run) return null;
  const isLast = here.runs.value.at(-1)?.id === id && !here.active.value;
  return (
    <div class="run-end" id={id} data-status={run.status}>
      {MOVING.has(run.status) && <Waiting here={here} run={run} />}
      {run.status === "requires_action" && <RequiredAction run={run} />}
      {run.status in strings.endings && (
        <EndingCard
          status={run.status as Ending}
          code={run.last_error?.code ?? run.incomplete_details?.reason}
          message={run.last_error?.message}
        />
      )}
      {isLast && hasNoCode(here) && (
        <section class="card-note">
          <p>{strings.noCode(run.model)}</p>
        </section>
      )}
      {isLast && (
        <button type="button" class="quiet" title={strings.retryHint} onClick={() => void retry()}>
          ↻ {strings.retry}
        </button>
      )}
    </div>
  );
}

function RequiredAction({ run }: { run: Run }) {
  const calls = run.required_action?.submit_tool_outputs.tool_calls ?? [];
  const key = calls.map(({ id }) => id).join();
  return <FunctionCard key={key} calls={calls} until={run.expires_at} submit={(answers) => submit(run.id, answers)} />;
}

/** How the last run stands, for who does not see it. */
export function sayState(here: Transcript): string {
  const run = here.active.value ?? here.runs.value.at(-1);
  if (here.notice.value) return strings.notices[here.notice.value];
  return run ? strings.runStates[run.status] : "";
}

function describe(run: Run): string {
  const seconds = run.started_at && run.completed_at ? run.completed_at - run.started_at : null;
  const tokens = run.usage?.total_tokens;
  return [
    run.model,
    seconds !== null && strings.seconds(seconds),
    tokens && strings.tokens(tokens),
  ]
    .filter(Boolean)
    .join(" · ");
}

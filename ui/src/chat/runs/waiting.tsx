// A run that goes on: what it does now, and its place in line where sessions are scarce.
import { useEffect, useState } from "preact/hooks";
import OpenAI from "openai";
import { getOwn } from "../../access/client";
import { strings } from "../../strings";
import { callsOf } from "../steps/calls";
import type { Run, Transcript } from "../transcript";

const LOOK_MS = 1_000;

export function Waiting({ here, run }: { here: Transcript; run: Run }) {
  const mayWait = run.status === "queued" || isBeforeOutput(here, run.id);
  const ahead = useQueue(run, mayWait);
  const words = mayWait && ahead !== null ? strings.inLine(ahead) : strings.runStates[run.status];
  return (
    <p class="waiting">
      <span class="dots" aria-hidden="true" /> {words}
    </p>
  );
}

/** Whether the newest call of code has put nothing out: it may wait for its session. */
function isBeforeOutput(here: Transcript, run: string): boolean {
  const last = here.entries.value.findLast((each) => each.run === run && each.kind !== "run");
  if (last?.kind !== "step") return false;
  const call = callsOf(last.step.value).at(-1);
  return last.step.value.status === "in_progress" && call?.type === "code_interpreter" && !call.code_interpreter?.outputs?.length;
}

/** How many wait before a run; null: it does not wait, or the server does not say. */
function useQueue(run: Run, mayWait: boolean): number | null {
  const [ahead, setAhead] = useState<number | null>(null);
  useEffect(() => {
    if (!mayWait) return;
    const path = `threads/${run.thread_id}/runs/${run.id}/timeline`;
    const look = async () => {
      try {
        setAhead((await getOwn<{ queue_position: number | null }>(path)).queue_position ?? null);
      } catch (error) {
        if (error instanceof OpenAI.NotFoundError) clearInterval(timer);
        setAhead(null);
      }
    };
    const timer = setInterval(() => void look(), LOOK_MS);
    return () => clearInterval(timer);
  }, [run.id, mayWait]);
  return ahead;
}

// What the server did not take: why, when it is sent again, and what else can be done.
import { useEffect, useState } from "preact/hooks";
import { open } from "../route";
import { strings } from "../strings";
import { send, stop, transcript, unsent as current, type Unsent } from "./open_thread";

export function UnsentCard({ unsent }: { unsent: Unsent }) {
  const { question, why, at, lockedBy } = unsent;
  const seconds = useCountdown(at, () => void send(question, true));
  const here = transcript.value;
  const isLocked = lockedBy !== null && here?.active.value?.id === lockedBy;
  return (
    <section class="card-note bad" role="alert">
      {question.text && (
        <p class="said" dir="auto">
          {question.text}
        </p>
      )}
      <p>{why}</p>
      {seconds !== null && (
        <p class="hint" aria-live="off">
          {strings.sendsIn(seconds)}
        </p>
      )}
      <div class="row">
        <button type="button" class="primary" disabled={isLocked} onClick={() => void send(question)}>
          {strings.sendAgain}
        </button>
        {isLocked && (
          <>
            <button type="button" onClick={() => open(here.thread, lockedBy)}>
              {strings.showRun}
            </button>
            <button type="button" onClick={() => void stop()}>
              {strings.stopIt}
            </button>
          </>
        )}
        <button type="button" onClick={() => (current.value = null)}>
          {strings.discard}
        </button>
      </div>
    </section>
  );
}

/** Seconds until a time, when something is done; null where there is no such time. */
export function useCountdown(at: number | null, act?: () => void): number | null {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (at === null) return;
    const timer = setInterval(() => {
      setNow(Date.now());
      if (Date.now() < at) return;
      clearInterval(timer);
      act?.();
    }, 250);
    return () => clearInterval(timer);
  }, [at]);
  return at === null ? null : Math.max(0, Math.ceil((at - now) / 1000));
}

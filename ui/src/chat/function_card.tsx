// Functions that a run or a response waits for, answered by hand.
import { useState } from "preact/hooks";
import { Code } from "../render/highlight";
import { indent, isJson } from "../render/json";
import { strings } from "../strings";
import { useCountdown } from "./unsent";

interface Call {
  id: string;
  function: { name: string; arguments: string };
}

export interface FunctionAnswer {
  call: string;
  output: string;
}

interface Props {
  calls: Call[];
  /** When it is too late (seconds since 1970). */
  until: number | null;
  submit: (answers: FunctionAnswer[]) => Promise<void>;
}

/** The last answer of each function, for this tab. */
const LAST = new Map<string, string>();

export function FunctionCard({ calls, until, submit }: Props) {
  const [answers, setAnswers] = useState<Record<string, string>>({});
  const [asJson, setAsJson] = useState(false);
  const [isSent, setSent] = useState(false);
  const seconds = useCountdown(until ? until * 1000 : null);
  const isReady = calls.every(({ id }) => isGood(answers[id], asJson));
  const send = (event: SubmitEvent) => {
    event.preventDefault();
    setSent(true);
    for (const { id, function: { name } } of calls) LAST.set(name, answers[id]!);
    void submit(calls.map(({ id }) => ({ call: id, output: answers[id]! }))).then(() => setSent(false));
  };
  return (
    <form class="card-note" onSubmit={send} aria-label={strings.functions}>
      <h3>{strings.functionsWait(calls.length)}</h3>
      {seconds !== null && <p class="hint">{strings.expiresIn(seconds)}</p>}
      {calls.map((call) => (
        <Answer
          key={call.id}
          call={call}
          answer={answers[call.id] ?? ""}
          isBad={asJson && !!answers[call.id] && !isJson(answers[call.id]!)}
          onAnswer={(answer) => setAnswers((before) => ({ ...before, [call.id]: answer }))}
        />
      ))}
      <label class="check">
        <input type="checkbox" checked={asJson} onChange={(event) => setAsJson(event.currentTarget.checked)} />{" "}
        {strings.asJson}
      </label>
      <button class="primary" disabled={!isReady || isSent}>
        {strings.submit}
      </button>
    </form>
  );
}

interface AnswerProps {
  call: Call;
  answer: string;
  isBad: boolean;
  onAnswer: (answer: string) => void;
}

function Answer({ call, answer, isBad, onAnswer }: AnswerProps) {
  const { name } = call.function;
  const last = LAST.get(name);
  return (
    <fieldset>
      <legend>
        <code>{name}</code>
      </legend>
      <Code text={indent(call.function.arguments)} language="json" />
      <textarea
        aria-label={strings.answerOf(name)}
        aria-invalid={isBad}
        placeholder={strings.answer}
        dir="auto"
        rows={3}
        value={answer}
        onInput={(event) => onAnswer(event.currentTarget.value)}
      />
      {isBad && <p class="error">{strings.noJson}</p>}
      {last !== undefined && (
        <button type="button" onClick={() => onAnswer(last)}>
          {strings.lastAnswer}
        </button>
      )}
    </fieldset>
  );
}

function isGood(answer: string | undefined, asJson: boolean): boolean {
  return !!answer?.trim() && (!asJson || isJson(answer));
}

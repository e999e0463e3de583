// Where the time of a run went: a bar for each span, as long as it took.
import { strings } from "../strings";
import { lengthOf, type Span, type Timeline } from "./behind";

const WITHIN_TOOLS = new Set(["session_claim", "put", "exec", "harvest"]);
const ENDED = new Set(["completed", "ok", "cancelled", "CancelledError"]);
const KINDS: Record<string, string> = { model: "model", exec: "code", tool: "tool" };

export function Waterfall({ timeline }: { timeline: Timeline }) {
  const whole = Math.max(1, lengthOf(timeline));
  return (
    <ol class="waterfall" aria-label={strings.timeline}>
      {timeline.spans.map((span, at) => (
        <Row key={at} span={span} whole={whole} />
      ))}
    </ol>
  );
}

function Row({ span, whole }: { span: Span; whole: number }) {
  const { name, start, end, tool, outcome } = span;
  const left = (100 * start) / whole;
  const width = Math.max(0.5, (100 * ((end ?? whole) - start)) / whole);
  const isWrong = outcome && !ENDED.has(outcome);
  return (
    <li class={WITHIN_TOOLS.has(name) ? "within" : ""} title={outcome ?? undefined}>
      <span class="name">{strings.spans[tool ?? name] ?? tool ?? name}</span>
      <span class="track" aria-hidden="true">
        <span
          class={`bar ${KINDS[name] ?? "wait"} ${isWrong ? "wrong" : ""}`}
          style={{ insetInlineStart: `${Math.min(left, 99)}%`, width: `${Math.min(width, 100 - Math.min(left, 99))}%` }}
        />
      </span>
      <span class="time">{end == null ? "…" : strings.milliseconds(end - start)}</span>
    </li>
  );
}

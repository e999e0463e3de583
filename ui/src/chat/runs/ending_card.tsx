// What became of an answer that did not end well: by the server's words, and what to do about it.
import { strings } from "../../strings";

export type Ending = keyof typeof strings.endings;

interface Props {
  status: Ending;
  code?: string | null | undefined;
  message?: string | null | undefined;
}

export function EndingCard({ status, code, message }: Props) {
  const { title, advice } = strings.endings[status];
  const more = strings.advice[code as keyof typeof strings.advice];
  return (
    <section class={`card-note ${status === "cancelled" ? "" : "bad"}`}>
      <h3>
        {title} {code && <code>{code}</code>}
      </h3>
      {message && <p dir="auto">{message}</p>}
      <p class="hint">{more ?? advice}</p>
    </section>
  );
}

// A part of a file: its name, its page, and its text with what was quoted of it.
import { strings } from "../strings";
import type { Passage } from "./passages";
import { splitAtQuote } from "./quoted";

interface Props {
  passage: Passage;
  /** What rests on the passage: the sentence of it that is alike is marked. */
  claim: string;
}

export function PassageView({ passage: { name, page, score, text }, claim }: Props) {
  const [before, quoted, after] = splitAtQuote(text, claim);
  return (
    <section class="passage">
      <header>
        <strong dir="auto">{name}</strong>
        {page !== null && <span>{strings.page(page)}</span>}
        {score !== null && <span class="hint">{strings.score(score)}</span>}
      </header>
      <blockquote dir="auto" tabIndex={0}>
        {before}
        {quoted && <mark>{quoted}</mark>}
        {after}
      </blockquote>
    </section>
  );
}

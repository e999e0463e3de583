// Text of any length, of which the first lines are shown.
import { useState } from "preact/hooks";
import { strings } from "../strings";
import { showHidden } from "./controls";

const MOST_LINES = 12;
const MOST_CHARACTERS = 20_000;
const LONGEST_LINE = 2_000;
const PIECE = 50_000;

/** Shows so many lines of a text, and all of it on demand: in pieces, of which only those in sight are laid out. */
export function LongText({ text, lines = MOST_LINES }: { text: string; lines?: number }) {
  const [isWhole, setWhole] = useState(false);
  const whole = text.replace(/\n+$/, "");
  const short = cut(whole, lines);
  return (
    <div class="long-text">
      {(isWhole ? split(whole) : [short]).map((piece, at) => (
        <pre key={at} dir="auto" tabIndex={0}>
          {showHidden(piece)}
        </pre>
      ))}
      {short !== whole && (
        <button type="button" onClick={() => setWhole(!isWhole)}>
          {isWhole ? strings.showLess : strings.showAll(count(whole, "\n") + 1, whole.length)}
        </button>
      )}
    </div>
  );
}

function cut(text: string, lines: number): string {
  const head = text.slice(0, MOST_CHARACTERS).split("\n", lines);
  return head.map((line) => (line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}…` : line)).join("\n");
}

/** Pieces that end at the end of a line where there is one. */
function split(text: string): string[] {
  const pieces: string[] = [];
  for (let begin = 0; begin < text.length; ) {
    const last = begin + PIECE;
    const found = last < text.length ? text.lastIndexOf("\n", last) : -1;
    const end = found > begin ? found + 1 : last;
    pieces.push(text.slice(begin, end).replace(/\n$/, ""));
    begin = end;
  }
  return pieces;
}

function count(text: string, character: string): number {
  let found = 0;
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) found++;
  return found;
}

// Characters that nobody sees, made visible: in code they can hide what is run.
import type { ComponentChild } from "preact";

const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/u;
const ALL_HIDDEN = new RegExp(HIDDEN, "gu");
const COLOURS = /\u001b\[[0-9;:?]*[ -/]*[@-~]/g;

/** Text as nodes, with the code point in place of each character that is not seen or turns the direction. */
export function showHidden(text: string): ComponentChild[] {
  if (!HIDDEN.test(text)) return [text];
  const nodes: ComponentChild[] = [];
  let end = 0;
  for (const { 0: character, index } of text.matchAll(ALL_HIDDEN)) {
    const code = `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
    nodes.push(text.slice(end, index), <span class="hidden-character">{code}</span>);
    end = index + character.length;
  }
  nodes.push(text.slice(end));
  return nodes;
}

/** What a terminal would show at the end: no colours, and of a line that was written over its last state. */
export function readTerminal(text: string): string {
  const plain = text.includes("\u001b") ? text.replace(COLOURS, "") : text;
  if (!plain.includes("\r")) return plain;
  return plain
    .replace(/\r+\n/g, "\n")
    .split("\n")
    .map((line) => line.split("\r").findLast(Boolean) ?? "")
    .join("\n");
}

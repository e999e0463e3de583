// Code as coloured spans: text and classes only, never HTML.
import { classHighlighter, highlightCode } from "@lezer/highlight";
import { parser as json } from "@lezer/json";
import { parser as python } from "@lezer/python";
import type { ComponentChild } from "preact";
import { useMemo } from "preact/hooks";
import { showHidden } from "./controls";
import { LongText } from "./long_text";

const PARSERS = { python, py: python, json };
const MOST_CHARACTERS = 50_000;

/** Code of any length; what is very long, or has very long lines, stays plain and is cut. */
export function Code({ text, language }: { text: string; language: string }) {
  const nodes = useMemo(() => (isColoured(text) ? highlight(text, language) : null), [text, language]);
  if (!nodes) return <LongText text={text} lines={400} />;
  return (
    <pre dir="ltr" tabIndex={0}>
      <code>{nodes}</code>
    </pre>
  );
}

function isColoured(text: string): boolean {
  return text.length <= MOST_CHARACTERS && !/^.{4000}/m.test(text);
}

/** Code as nodes; a language that is not known here, or very long code, stays plain. */
export function highlight(code: string, language: string): ComponentChild[] {
  const parser = isColoured(code) && Object.hasOwn(PARSERS, language) && PARSERS[language as keyof typeof PARSERS];
  if (!parser) return showHidden(code);
  const nodes: ComponentChild[] = [];
  highlightCode(
    code,
    parser.parse(code),
    classHighlighter,
    (text, classes) => nodes.push(classes ? <span class={classes}>{showHidden(text)}</span> : showHidden(text)),
    () => nodes.push("\n"),
  );
  return nodes;
}

// A small numbered button in a text, which opens the passage that the text rests on.
import type OpenAI from "openai";
import { createContext, type ComponentChild } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { explain } from "../access/client";
import { download } from "../chat/files";
import { Modal } from "../shell/modal";
import { strings } from "../strings";
import { findPassage, type CitedFile, type Passage } from "./passages";
import { PassageView } from "./passage";

type Annotation = OpenAI.Beta.Threads.Annotation;

interface Citation {
  number: number;
  file: CitedFile;
  /** The sentence before it. */
  claim: string;
}

/** The citations of the text that is shown, by their numbers. */
export const Citations = createContext<readonly Citation[]>([]);

// A marker while Markdown is read: no text of a file's name may be taken for a mark of Markdown.
const MARK = /\uE000(\d+)\uE001/;
const SENTENCE_END = /[.!?。!?\n]/g;
const LONGEST_CLAIM = 400;

/** A text whose citations are marks for `<CitedText>`, and the citations; the same passage has one number. */
export function markCitations(text: string, annotations: readonly Annotation[]): [string, Citation[]] {
  const citations: Citation[] = [];
  const numbers = new Map<string, number>();
  for (const each of annotations) {
    const at = each.type === "file_citation" ? text.indexOf(each.text) : -1;
    if (each.type !== "file_citation" || at < 0 || !each.text) continue;
    const file: CitedFile = each.file_citation;
    const where = `${file.file_id} ${file.page ?? each.text}`;
    const number = numbers.get(where) ?? numbers.size + 1;
    numbers.set(where, number);
    const mark = `\uE000${citations.length}\uE001`;
    citations.push({ number, file, claim: sentenceBefore(text, at) });
    text = text.slice(0, at) + mark + text.slice(at + each.text.length);
  }
  return [text, citations];
}

/** Text of a leaf, with a button for each mark in it. */
export function CitedText({ text }: { text: string }) {
  const citations = useContext(Citations);
  if (!citations.length) return <>{text}</>;
  return (
    <>
      {text.split(MARK).map((part, at): ComponentChild => {
        const citation = at % 2 ? citations[Number(part)] : undefined;
        return citation ? <CitationButton key={at} {...citation} /> : part;
      })}
    </>
  );
}

function CitationButton({ number, file, claim }: Citation) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button type="button" class="citation" aria-label={strings.citation(number)} onClick={() => setOpen(true)}>
        {number}
      </button>
      {isOpen && <PassageDialog file={file} claim={claim} onClose={() => setOpen(false)} />}
    </>
  );
}

interface Props {
  file: CitedFile;
  claim: string;
  onClose: () => void;
}

function PassageDialog({ file, claim, onClose }: Props) {
  const [passage, setPassage] = useState<Passage | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    findPassage(file, claim).then(setPassage, (error: unknown) => setFailure(explain(error)));
  }, []);
  return (
    <Modal name={strings.passage} class="passage-dialog" onClose={onClose}>
      {passage && <PassageView passage={passage} claim={claim} />}
      {passage && !passage.text && <p class="hint">{strings.noPassage}</p>}
      {failure && <p class="error">{failure}</p>}
      <div class="buttons">
        <button
          type="button"
          onClick={() => void download(file.file_id).catch((error: unknown) => setFailure(explain(error)))}
        >
          {strings.download}
        </button>
        <button type="button" class="primary" onClick={onClose}>
          {strings.close}
        </button>
      </div>
    </Modal>
  );
}

function sentenceBefore(text: string, at: number): string {
  const before = text.slice(Math.max(0, at - LONGEST_CLAIM), at).trimEnd();
  const ends = [...before.slice(0, -1).matchAll(SENTENCE_END)];
  return before.slice((ends.at(-1)?.index ?? -1) + 1).replace(/\uE000\d+\uE001/g, "");
}

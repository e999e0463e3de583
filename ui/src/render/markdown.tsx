// A model's Markdown as a fixed set of elements. It is hostile: tokens become nodes, and raw HTML becomes text.
import { lexer, type Token, type Tokens } from "marked";
import type OpenAI from "openai";
import type { ComponentChild } from "preact";
import { useMemo } from "preact/hooks";
import { Citations, CitedText, markCitations } from "../citations/citation";
import { FileLink, NoFile } from "../chat/file_link";
import { showHidden } from "./controls";
import { Code } from "./highlight";
import { LongText } from "./long_text";
import { Table, type Cell } from "./table";

type Annotation = OpenAI.Beta.Threads.Annotation;

const SCHEMES = new Set(["https:", "http:", "mailto:"]);
const MOST_CHARACTERS = 100_000;
const MOST_LINES = 10_000;
const DEEPEST = 24;
/** What the lexer takes seconds for, or its stack: a word without an end, a line of list marks, deep indentation. */
const WILD = /(?<!\S)\S{5000}|^(?:[ \t]*(?:>|[*+-][ \t]|\d{1,9}[.)])){40}|^[ \t]{200,}\S/m;

interface Props {
  text: string;
  annotations?: readonly Annotation[];
}

export function Markdown({ text, annotations = [] }: Props) {
  const files = annotations.flatMap((each) =>
    each.type === "file_path" ? [[each.text, each.file_path.file_id] as const] : [],
  );
  const [marked, citations] = useMemo(() => markCitations(text, annotations), [text, annotations]);
  const nodes = useMemo(() => {
    const tokens = read(marked);
    return tokens && blocks(tokens, new Map(files), 0);
  }, [marked, files.join()]);
  if (!nodes) return <LongText text={text} lines={40} />;
  return (
    <Citations.Provider value={citations}>
      <div class="markdown">{nodes}</div>
    </Citations.Provider>
  );
}

/** Whether a text is read as Markdown; what is not is shown as it is. */
function isTame(text: string): boolean {
  return text.length <= MOST_CHARACTERS && !WILD.test(text) && text.split("\n", MOST_LINES + 1).length <= MOST_LINES;
}

function read(text: string): Token[] | null {
  if (!isTame(text)) return null;
  try {
    return lexer(text);
  } catch (error) {
    if (error instanceof RangeError) return null; // nested deeper than the stack
    throw error;
  }
}

type Files = ReadonlyMap<string, string>;

function blocks(tokens: Token[], files: Files, depth: number): ComponentChild[] {
  if (depth > DEEPEST) return tokens.map((token) => token.raw);
  return tokens.map((token, at) => <Block key={at} token={token} files={files} depth={depth + 1} />);
}

function Block({ token, files, depth }: { token: Token; files: Files; depth: number }) {
  const inside = (tokens: Token[] | undefined) => blocks(tokens ?? [], files, depth);
  switch (token.type) {
    case "heading": {
      const Heading = `h${Math.min(6, (token as Tokens.Heading).depth + 2)}` as "h3";
      return <Heading dir="auto">{inside(token.tokens)}</Heading>;
    }
    case "paragraph":
      return <p dir="auto">{inside(token.tokens)}</p>;
    case "text":
      return <>{"tokens" in token && token.tokens ? inside(token.tokens) : <CitedText text={decode(token.text as string)} />}</>;
    case "strong":
      return <strong>{inside(token.tokens)}</strong>;
    case "em":
      return <em>{inside(token.tokens)}</em>;
    case "del":
      return <del>{inside(token.tokens)}</del>;
    case "codespan":
      return <CodeSpan text={token.text as string} files={files} />;
    case "code":
      return <Code text={token.text as string} language={((token as Tokens.Code).lang ?? "").toLowerCase()} />;
    case "blockquote":
      return <blockquote>{inside(token.tokens)}</blockquote>;
    case "list": {
      const { ordered, start, items } = token as Tokens.List;
      const rows = items.map((item, at) => (
        <li key={at} dir="auto">
          {inside(item.tokens)}
        </li>
      ));
      return ordered ? <ol start={Number(start) || 1}>{rows}</ol> : <ul>{rows}</ul>;
    }
    case "checkbox":
      return <>{(token as Tokens.Checkbox).checked ? "☑ " : "☐ "}</>;
    case "table": {
      const toCell = ({ text, tokens }: Tokens.TableCell): Cell => ({ text, shown: inside(tokens) });
      const { header, rows } = token as Tokens.Table;
      return <Table head={header.map(toCell)} rows={rows.map((row) => row.map(toCell))} />;
    }
    case "link":
      return (
        <Link token={token as Tokens.Link} files={files}>
          {inside(token.tokens)}
        </Link>
      );
    case "image": // never fetched
      return (
        <Link token={token as Tokens.Image} files={files}>
          {(token as Tokens.Image).text}
        </Link>
      );
    case "br":
      return <br />;
    case "hr":
      return <hr />;
    case "escape":
      return <>{token.text}</>;
    case "space":
    case "def":
      return null;
    default: // HTML above all: it is shown as what it is
      return <>{token.raw}</>;
  }
}

/** Models like to write paths of files as code. */
function CodeSpan({ text, files }: { text: string; files: Files }) {
  const file = files.get(text);
  return file ? <FileLink file={file}>{text}</FileLink> : <code>{showHidden(text)}</code>;
}

interface LinkProps {
  token: Tokens.Link | Tokens.Image;
  files: Files;
  children: ComponentChild;
}

function Link({ token, files, children }: LinkProps) {
  const { href, text, raw } = token;
  const file = files.get(href) ?? files.get(decodeAddress(href));
  const shown = text.trim() ? children : href;
  if (file) return <FileLink file={file}>{shown}</FileLink>;
  if (/^sandbox:/i.test(href)) return <NoFile>{shown}</NoFile>;
  const address = URL.canParse(href) ? new URL(href) : null;
  if (!address || !SCHEMES.has(address.protocol)) return <>{raw}</>;
  const isElsewhere = /^\s*(https?:|www\.)/i.test(text) && !text.toLowerCase().includes(address.host);
  return (
    <>
      <a href={address.href} title={address.host || address.href} target="_blank" rel="noopener noreferrer">
        {shown}
      </a>
      {isElsewhere && ` (${address.host})`}
    </>
  );
}

function decodeAddress(address: string): string {
  try {
    return decodeURI(address);
  } catch {
    return address; // no address at all
  }
}

/** The entities that Markdown has in common with HTML, as the characters that they stand for. */
function decode(text: string): string {
  const names: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => names[name] ?? "");
}

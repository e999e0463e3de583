// A look into a file: its first 256 KB as a table, as text, as Markdown, or as the picture that it is.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { explain } from "../access/client";
import { addressOf, endingOf, isPicture, readStart } from "../chat/files";
import { highlight } from "../render/highlight";
import { indent } from "../render/json";
import { LongText } from "../render/long_text";
import { Markdown } from "../render/markdown";
import { Table } from "../render/table";
import { sizeOf } from "../render/units";
import { strings } from "../strings";
import { readRows } from "./csv";

const MOST_BYTES = 256 * 1024;

interface Props {
  file: string;
  name: string;
  bytes: number;
}

export function Preview({ file, name, bytes }: Props) {
  const [shown, setShown] = useState<ComponentChildren>(strings.reading);
  useEffect(() => {
    const isKnown = isPicture(name);
    const found = isKnown ? picture(file, name) : readStart(file, MOST_BYTES).then((start) => text(start, name, bytes));
    found.then(setShown, (error: unknown) => setShown(<p class="error">{explain(error)}</p>));
  }, [file]);
  return (
    <div class="preview">
      {shown}
      {bytes > MOST_BYTES && !isPicture(name) && <p class="hint">{strings.startOnly(sizeOf(MOST_BYTES), sizeOf(bytes))}</p>}
    </div>
  );
}

async function picture(file: string, name: string): Promise<ComponentChildren> {
  return <img src={await addressOf(file)} alt={name} />;
}

function text(start: Uint8Array<ArrayBuffer>, name: string, bytes: number): ComponentChildren {
  if (start.includes(0)) return <p class="hint">{strings.noPreview}</p>;
  const said = new TextDecoder().decode(start);
  const isWhole = bytes <= MOST_BYTES;
  switch (endingOf(name)) {
    case "csv":
    case "tsv": {
      const [head = [], ...rows] = readRows(said, endingOf(name) === "tsv" ? "\t" : ",", isWhole).map((row) =>
        row.map((cell) => ({ text: cell, shown: cell })),
      );
      return <Table head={head} rows={rows} />;
    }
    case "md":
      return <Markdown text={said} />;
    case "json":
      return (
        <pre class="json" tabIndex={0}>
          <code>{highlight(isWhole ? indent(said) : said, "json")}</code>
        </pre>
      );
    case "py":
      return (
        <pre tabIndex={0}>
          <code>{highlight(said, "python")}</code>
        </pre>
      );
    default:
      return <LongText text={said} />;
  }
}

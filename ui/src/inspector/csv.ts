// Rows of a table of text (RFC 4180), also where a quoted cell has line breaks in it.

/** Reads the rows; of a text that is cut off, the last row is left out. */
export function readRows(text: string, separator: string, isWhole: boolean): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    const cell = text[at] === '"' ? quotedEnd(text, at) : plainEnd(text, at, separator);
    row.push(text[at] === '"' ? text.slice(at + 1, cell - 1).replaceAll('""', '"') : text.slice(at, cell));
    at = cell;
    if (text[at] === separator) {
      at += 1;
      if (at < text.length && text[at] !== "\n" && text[at] !== "\r") continue;
      row.push(""); // the line ends with the separator
    }
    const isEnd = at >= text.length;
    if (text[at] === "\r") at += 1;
    if (text[at] === "\n") at += 1;
    else if (!isEnd) at = plainEnd(text, at, separator); // what follows a closing quote
    if (!isEnd || isWhole) rows.push(row);
    row = [];
  }
  return rows;
}

function quotedEnd(text: string, from: number): number {
  let at = text.indexOf('"', from + 1);
  while (at >= 0 && text[at + 1] === '"') at = text.indexOf('"', at + 2);
  return at < 0 ? text.length + 1 : at + 1;
}

function plainEnd(text: string, from: number, separator: string): number {
  let at = from;
  while (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r") at += 1;
  return at;
}

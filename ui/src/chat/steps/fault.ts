/** The last line of a traceback in the logs of a cell: what went wrong; null where nothing did. */
export function findFault(logs: string): string | null {
  const begin = logs.lastIndexOf("Traceback (most recent call last)");
  const end = begin < 0 ? /^(?:Syntax|Indentation|Tab)Error: .*$/m.exec(logs)?.[0] : null;
  if (end) return end;
  if (begin < 0) return null;
  return logs.slice(begin).split("\n").findLast((line) => /^[A-Za-z_][\w.]*(?::|$)/.test(line)) ?? null;
}

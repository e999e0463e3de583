// What a chart stacks: a part for each of the first few names, and one for all others.
export interface Part {
  name: string;
  values: number[];
}

const MOST = 5;

/** The names of rows, those with most first. */
export function rank<T>(rows: T[], nameOf: (row: T) => string, weigh: (row: T) => number[]): string[] {
  const sums = new Map<string, number[]>();
  for (const row of rows) {
    const known = sums.get(nameOf(row));
    sums.set(nameOf(row), weigh(row).map((weight, at) => weight + (known?.[at] ?? 0)));
  }
  const difference = (one: number[], other: number[]) =>
    one.map((sum, at) => other[at]! - sum).find((each) => each !== 0) ?? 0;
  return [...sums].sort(([, one], [, other]) => difference(one, other)).map(([name]) => name);
}

/** A part for each of the first names, in their order, with a value for each start; the rest is one part. */
export function split<T extends { start: number }>(
  rows: T[],
  starts: number[],
  names: string[],
  nameOf: (row: T) => string,
  valueOf: (row: T) => number,
  others: string,
): Part[] {
  const sum = (found: T[]) =>
    starts.map((start) => found.reduce((total, row) => total + (row.start === start ? valueOf(row) : 0), 0));
  const shown = names.slice(0, MOST);
  const parts = shown.map((name) => ({ name, values: sum(rows.filter((row) => nameOf(row) === name)) }));
  const rest = rows.filter((row) => !shown.includes(nameOf(row)));
  return rest.length ? [...parts, { name: others, values: sum(rest) }] : parts;
}

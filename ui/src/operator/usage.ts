// Usage and costs of a span of time, from the hosted paths, by the official SDK.
import { signal } from "@preact/signals";
import { client, explain } from "../access/client";

/** What is metered of one project in one bucket. */
export interface Metered {
  start: number;
  project: string;
  dollars: number;
  sessions: number;
  requests: number;
  input: number;
  output: number;
}

/** What was asked of one model in one bucket. */
export interface Asked {
  start: number;
  model: string;
  requests: number;
  input: number;
  output: number;
}

export interface Usage {
  starts: number[];
  rows: Metered[];
  asked: Asked[];
}

export const DAYS = [7, 30] as const;
export const days = signal<(typeof DAYS)[number]>(7);
export const usage = signal<Usage | null>(null);
export const usageFailure = signal<string | null>(null);

const DAY = 86_400;

interface Bucket {
  start_time: number;
  results: object[];
}

type Fields = { [name: string]: unknown };

export async function loadUsage(): Promise<void> {
  const midnight = Math.floor(Date.now() / 1000 / DAY) * DAY;
  const query = { start_time: midnight - (days.value - 1) * DAY, bucket_width: "1d", limit: days.value } as const;
  const read = client.value.admin.organization.usage;
  try {
    const [billed, opened, asked, byModel] = await Promise.all([
      read.costs({ ...query, group_by: ["project_id"] }),
      read.codeInterpreterSessions({ ...query, group_by: ["project_id"] }),
      read.completions({ ...query, group_by: ["project_id"] }),
      read.completions({ ...query, group_by: ["model"] }),
    ]);
    usage.value = combine(billed.data, opened.data, asked.data, byModel.data);
    usageFailure.value = null;
  } catch (error) {
    usageFailure.value = explain(error);
  }
}

function combine(billed: Bucket[], opened: Bucket[], asked: Bucket[], byModel: Bucket[]): Usage {
  const rows = new Map<string, Metered>();
  const at = (start: number, project: unknown): Metered => {
    const name = `${start} ${String(project)}`;
    const known = rows.get(name);
    if (known) return known;
    const made = { start, project: String(project), dollars: 0, sessions: 0, requests: 0, input: 0, output: 0 };
    rows.set(name, made);
    return made;
  };
  each(billed, (start, found) => (at(start, found["project_id"]).dollars += value(found["amount"])));
  each(opened, (start, found) => (at(start, found["project_id"]).sessions += Number(found["num_sessions"])));
  each(asked, (start, found) => addTokens(at(start, found["project_id"]), found));
  const models: Asked[] = [];
  each(byModel, (start, found) => {
    const row = { start, model: String(found["model"]), requests: 0, input: 0, output: 0 };
    addTokens(row, found);
    models.push(row);
  });
  return { starts: opened.map((bucket) => bucket.start_time), rows: [...rows.values()], asked: models };
}

function each(buckets: Bucket[], take: (start: number, found: Fields) => void): void {
  for (const bucket of buckets) for (const found of bucket.results) take(bucket.start_time, found as Fields);
}

const value = (amount: unknown) => (amount as { value: number }).value;

function addTokens(sums: { requests: number; input: number; output: number }, found: Fields): void {
  sums.requests += Number(found["num_model_requests"]);
  sums.input += Number(found["input_tokens"]);
  sums.output += Number(found["output_tokens"]);
}

/** The rows as a spreadsheet reads them; what could be a formula there is text. */
export function toCsv(rows: Metered[], nameOf: (id: string) => string): string {
  const quote = (text: string) => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
  const lines = rows.map((row) =>
    [
      new Date(row.start * 1000).toISOString().slice(0, 10),
      quote(row.project),
      quote(nameOf(row.project)),
      row.dollars.toFixed(6),
      row.sessions,
      row.requests,
      row.input,
      row.output,
    ].join(","),
  );
  const head = "day,project_id,project,cost_usd,sessions,model_requests,input_tokens,output_tokens";
  return [head, ...lines, ""].join("\r\n");
}

// Usage and costs as charts and tables, and as a file for spreadsheets.
import { useEffect } from "preact/hooks";
import { save } from "../render/save";
import { operator as words } from "../strings";
import { Chart } from "./chart";
import { dollars, whole } from "./format";
import type { Project } from "./live";
import { rank, split } from "./parts";
import { Table } from "./table";
import { DAYS, days, loadUsage, toCsv, usage, usageFailure, type Asked, type Metered, type Usage } from "./usage";

export function UsageSection({ projects }: { projects: Project[] }) {
  useEffect(() => void loadUsage(), [days.value]);
  const nameOf = (id: string) => projects.find((each) => each.id === id)?.name ?? id;
  return (
    <section aria-label={words.usage}>
      <header>
        <h2>{words.usage}</h2>
        <Controls nameOf={nameOf} />
      </header>
      {usageFailure.value && <p class="error">{usageFailure.value}</p>}
      {usage.value && <Figures found={usage.value} nameOf={nameOf} />}
    </section>
  );
}

function Controls({ nameOf }: { nameOf: (id: string) => string }) {
  return (
    <div class="controls">
      {DAYS.map((each) => (
        <button key={each} aria-pressed={days.value === each} onClick={() => (days.value = each)}>
          {words.days(each)}
        </button>
      ))}
      <button onClick={() => void loadUsage()}>{words.refresh}</button>
      <button disabled={!usage.value} onClick={() => saveCsv(toCsv(usage.value?.rows ?? [], nameOf))}>
        CSV
      </button>
    </div>
  );
}

function saveCsv(text: string): void {
  save(new Blob([text], { type: "text/csv" }), "assistd-usage.csv");
}

function Figures({ found, nameOf }: { found: Usage; nameOf: (id: string) => string }) {
  return (
    <>
      <ProjectCharts found={found} nameOf={nameOf} />
      {found.rows.length === 0 ? <p class="hint">{words.noUsage}</p> : <ByProject found={found} nameOf={nameOf} />}
      {found.asked.length > 0 && (
        <>
          <ModelCharts found={found} />
          <ByModel found={found} />
        </>
      )}
    </>
  );
}

type TokenField = "requests" | "input" | "output";
type Field = TokenField | "dollars" | "sessions";

function total<F extends Field>(rows: Record<F, number>[], field: F): number {
  return rows.reduce((sum, row) => sum + row[field], 0);
}

const rankProjects = (rows: Metered[]) =>
  rank(rows, (row) => row.project, (row) => [row.dollars, row.requests, row.sessions]);
const rankModels = (asked: Asked[]) => rank(asked, (row) => row.model, (row) => [row.requests]);

function ProjectCharts({ found: { rows, starts }, nameOf }: { found: Usage; nameOf: (id: string) => string }) {
  const ids = rankProjects(rows);
  const parts = (field: Field) =>
    split(rows, starts, ids, (row) => row.project, (row) => row[field], words.others).map((part) => ({
      ...part,
      name: nameOf(part.name),
    }));
  return (
    <div class="charts" role="group" aria-label={words.chartsByProject}>
      <Chart title={words.cost} times={starts} parts={parts("dollars")} format={dollars} />
      <Chart title={words.billedSessions} times={starts} parts={parts("sessions")} format={whole} />
      <Chart title={words.inputTokens} times={starts} parts={parts("input")} format={whole} />
      <Chart title={words.outputTokens} times={starts} parts={parts("output")} format={whole} />
    </div>
  );
}

function ModelCharts({ found: { asked, starts } }: { found: Usage }) {
  const names = rankModels(asked);
  const parts = (field: TokenField) =>
    split(asked, starts, names, (row) => row.model, (row) => row[field], words.others);
  return (
    <div class="charts" role="group" aria-label={words.chartsByModel}>
      <Chart title={words.modelRequests} times={starts} parts={parts("requests")} format={whole} />
      <Chart title={words.inputTokens} times={starts} parts={parts("input")} format={whole} />
      <Chart title={words.outputTokens} times={starts} parts={parts("output")} format={whole} />
    </div>
  );
}

function ByProject({ found, nameOf }: { found: Usage; nameOf: (id: string) => string }) {
  const ids = rankProjects(found.rows);
  const rows = ids.map((id) => ({ id, rows: found.rows.filter((row) => row.project === id) }));
  return (
    <Table
      title={words.byProject}
      rows={rows}
      rowKey={(each) => each.id}
      columns={[
        { name: words.project, cell: (each) => nameOf(each.id) },
        { name: words.cost, cell: (each) => dollars(total(each.rows, "dollars")), isNumber: true },
        { name: words.sessions, cell: (each) => whole(total(each.rows, "sessions")), isNumber: true },
        { name: words.modelRequests, cell: (each) => whole(total(each.rows, "requests")), isNumber: true },
        { name: words.inputTokens, cell: (each) => whole(total(each.rows, "input")), isNumber: true },
        { name: words.outputTokens, cell: (each) => whole(total(each.rows, "output")), isNumber: true },
      ]}
    />
  );
}

function ByModel({ found: { asked } }: { found: Usage }) {
  const rows = rankModels(asked).map((name) => ({ name, rows: asked.filter((row) => row.model === name) }));
  return (
    <Table
      title={words.byModel}
      rows={rows}
      rowKey={(each) => each.name}
      columns={[
        { name: words.model, cell: (each) => each.name },
        { name: words.modelRequests, cell: (each) => whole(total(each.rows, "requests")), isNumber: true },
        { name: words.inputTokens, cell: (each) => whole(total(each.rows, "input")), isNumber: true },
        { name: words.outputTokens, cell: (each) => whole(total(each.rows, "output")), isNumber: true },
      ]}
    />
  );
}

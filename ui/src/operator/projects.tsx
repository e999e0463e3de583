// Projects with their limits beside their use, and the keys of one of them.
import { signal } from "@preact/signals";
import OpenAI from "openai";
import { client, explain } from "../access/client";
import { operator as words } from "../strings";
import { bytes, dollars, whole } from "./format";
import type { Project } from "./live";
import { Section, Table } from "./table";

type Key = OpenAI.Admin.Organization.Projects.ProjectAPIKey;

const opened = signal<{ project: Project; keys: Key[]; failure: string | null } | null>(null);

async function openKeys(project: Project): Promise<void> {
  const keys: Key[] = [];
  let failure: string | null = null;
  try {
    for await (const each of client.value.admin.organization.projects.apiKeys.list(project.id)) keys.push(each);
  } catch (error) {
    failure = explain(error);
  }
  opened.value = { project, keys, failure };
}

export function Projects({ projects }: { projects: Project[] }) {
  return (
    <>
      <Section
        title={words.projects}
        rows={projects}
        empty={words.noProjects}
        rowKey={(each) => each.id}
        columns={[
          { name: words.project, cell: (each) => each.name },
          { name: words.runs, cell: (each) => use(each.use.runs, each.limits.runs), isNumber: true },
          { name: words.sessions, cell: (each) => use(each.use.sessions, each.limits.sessions), isNumber: true },
          { name: words.waiting, cell: (each) => whole(each.use.waiting), isNumber: true },
          {
            name: words.storage,
            cell: (each) => use(each.use.storage_bytes, each.limits.storage_bytes, bytes),
            isNumber: true,
          },
          { name: words.requests, cell: (each) => use(each.use.requests, each.limits.requests), isNumber: true },
          { name: words.today, cell: (each) => dollars(each.use.dollars_today), isNumber: true },
          { name: words.keys, cell: (each) => <button onClick={() => void openKeys(each)}>{words.keys}</button> },
        ]}
      />
      {opened.value && <Keys />}
    </>
  );
}

/** What is used beside what may be; at the limit it says so in words, too. */
function use(used: number | null, most: number | null, format: (count: number) => string = whole) {
  if (used === null) return limit(most, format);
  const isFull = most !== null && used >= most;
  return (
    <span class={isFull ? "full" : undefined}>
      {format(used)} / {limit(most, format)}
      {isFull && <strong> {words.atLimit}</strong>}
    </span>
  );
}

const limit = (most: number | null, format: (count: number) => string) => (most === null ? "∞" : format(most));

const show = (section: HTMLElement | null) => section?.scrollIntoView({ block: "nearest" });
const day = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 10);

function Keys() {
  const { project, keys, failure } = opened.value!;
  const title = words.keysOf(project.name);
  return (
    <section key={project.id} aria-label={title} ref={show}>
      <header>
        <h2>{title}</h2>
        <button onClick={() => (opened.value = null)}>{words.close}</button>
      </header>
      {failure && <p class="error">{failure}</p>}
      <Table
        title={title}
        rows={keys}
        rowKey={(each) => each.id}
        columns={[
          { name: words.name, cell: (each) => each.name || "–" },
          { name: words.key, cell: (each) => <code>{each.redacted_value}</code> },
          { name: words.made, cell: (each) => day(each.created_at) },
          { name: words.lastUsed, cell: (each) => (each.last_used_at === null ? words.unused : day(each.last_used_at)) },
          { name: words.id, cell: (each) => <code>{each.id}</code> },
        ]}
      />
    </section>
  );
}

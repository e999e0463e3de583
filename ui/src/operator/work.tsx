// Runs, sessions and the queue: what goes on now.
import { signal } from "@preact/signals";
import { operator as words } from "../strings";
import { bytes, span } from "./format";
import type { Live, Run, Session, Waiting } from "./live";
import { Section } from "./table";

const filter = signal("");

/** Whether some of these words has what is looked for. */
function matches(...said: (string | null)[]): boolean {
  const wanted = filter.value.trim().toLowerCase();
  return said.some((each) => each?.toLowerCase().includes(wanted));
}

export function Work({ live }: { live: Live }) {
  return (
    <>
      <Runs runs={live.runs} />
      <Sessions live={live} />
      <Queue queue={live.queue} />
    </>
  );
}

function Runs({ runs }: { runs: Run[] }) {
  const shown = runs.filter((run) => matches(run.id, run.project_name, run.status, run.model, run.thread_id));
  return (
    <Section
      title={words.runs}
      rows={shown}
      empty={filter.value.trim() ? words.noMatch : words.noRuns}
      rowKey={(run) => run.id}
      columns={[
        { name: words.run, cell: (run) => <code>{run.id}</code> },
        { name: words.project, cell: (run) => run.project_name },
        { name: words.status, cell: (run) => <span class={`state ${run.status}`}>{run.status}</span> },
        { name: words.age, cell: (run) => span(run.seconds), isNumber: true },
        { name: words.model, cell: (run) => `${run.model} (${run.backend})` },
        { name: words.thread, cell: (run) => <code>{run.thread_id ?? "–"}</code> },
        { name: words.server, cell: (run) => <code>{run.server_id ?? words.nobody}</code> },
      ]}
    >
      <input
        type="search"
        placeholder={words.filter}
        aria-label={words.filter}
        value={filter.value}
        onInput={(event) => (filter.value = event.currentTarget.value)}
      />
    </Section>
  );
}

function Sessions({ live }: { live: Live }) {
  const shown = live.sessions.filter((each) => matches(each.id, each.project_name, each.key));
  return (
    <Section
      title={words.sessions}
      rows={shown}
      empty={filter.value.trim() ? words.noMatch : words.noSessions}
      rowKey={(each) => each.id}
      columns={[
        { name: words.session, cell: (each) => <code>{each.id}</code> },
        { name: words.project, cell: (each) => each.project_name },
        { name: words.serves, cell: (each) => <code>{each.key}</code> },
        { name: words.memory, cell: memory, isNumber: true },
        { name: words.cpu, cell: cpu, isNumber: true },
        { name: words.idle, cell: (each) => idle(each, live.at), isNumber: true },
        { name: words.ends, cell: (each) => span(each.ends_at - live.at), isNumber: true },
        { name: words.server, cell: (each) => <code>{each.server_id}</code> },
      ]}
    />
  );
}

const memory = (each: Session) => `${bytes(each.memory_bytes)} / ${bytes(each.memory_limit_bytes)}`;
const cpu = (each: Session) => (each.cpu_seconds === null ? "–" : `${each.cpu_seconds.toFixed(1)} s`);

function idle(session: Session, now: number) {
  return session.is_busy ? <span class="state in_progress">{words.busy}</span> : span(now - session.used_at);
}

function Queue({ queue }: { queue: Waiting[] }) {
  return (
    <Section
      title={words.queue}
      rows={queue}
      empty={words.noQueue}
      rowKey={(each) => `${each.server_id} ${each.key}`}
      columns={[
        { name: words.serves, cell: (each) => <code>{each.key}</code> },
        { name: words.project, cell: (each) => each.project_name },
        { name: words.waits, cell: (each) => span(each.seconds), isNumber: true },
        { name: words.server, cell: (each) => <code>{each.server_id}</code> },
      ]}
    />
  );
}

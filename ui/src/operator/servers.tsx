// The servers, the upstreams they ask, and the walls they found around their sessions.
import { operator as words } from "../strings";
import { span, whole } from "./format";
import { refresh, type Doctor, type Server, type State, type Upstream } from "./live";
import { Section, Table } from "./table";

export function Servers({ state }: { state: State }) {
  return (
    <>
      <ServerList servers={state.servers} now={state.live.at} />
      <Upstreams upstreams={state.upstreams} now={state.live.at} />
      {state.doctor.map((each) => (
        <Walls key={each.server_id} doctor={each} />
      ))}
    </>
  );
}

function ServerList({ servers, now }: { servers: Server[]; now: number }) {
  return (
    <Section
      title={words.servers}
      rows={servers}
      empty={words.noServers}
      rowKey={(each) => each.id}
      columns={[
        { name: words.server, cell: (each) => <code>{each.id}</code> },
        { name: words.host, cell: (each) => each.host },
        { name: words.version, cell: (each) => each.version },
        { name: words.jail, cell: (each) => each.jail ?? words.starting },
        { name: words.sessions, cell: (each) => `${each.sessions} / ${each.max_sessions}`, isNumber: true },
        { name: words.warm, cell: (each) => whole(each.warm_sessions), isNumber: true },
        { name: words.queue, cell: (each) => whole(each.waiting), isNumber: true },
        { name: words.up, cell: (each) => span(now - each.started_at), isNumber: true },
        { name: words.status, cell: (each) => seen(each, now) },
      ]}
    />
  );
}

function seen(server: Server, now: number) {
  const [kind, text] = server.is_silent
    ? ["failed", words.silent(span(now - server.seen_at))]
    : ["completed", words.answers];
  return <span class={`state ${kind}`}>{text}</span>;
}

function Upstreams({ upstreams, now }: { upstreams: Upstream[]; now: number }) {
  return (
    <Section
      title={words.upstreams}
      rows={upstreams}
      empty={words.noUpstreams}
      rowKey={(each) => `${each.server_id} ${each.host}`}
      columns={[
        { name: words.upstream, cell: (each) => `${each.host} (${each.backend})` },
        { name: words.status, cell: health },
        { name: words.lastAnswer, cell: (each) => ago(each.answered_at, now), isNumber: true },
        { name: words.lastFailure, cell: (each) => ago(each.failed_at, now), isNumber: true },
        { name: words.answered, cell: (each) => whole(each.successes), isNumber: true },
        { name: words.failed, cell: (each) => whole(each.failures), isNumber: true },
        { name: words.server, cell: (each) => <code>{each.server_id}</code> },
      ]}
    >
      <button onClick={() => void refresh(true)} title={words.probeHint}>
        {words.probe}
      </button>
    </Section>
  );
}

function health(each: Upstream) {
  const { answered_at: answered, failed_at: failed } = each;
  if (answered === null && failed === null) return words.unknown;
  const isWell = (answered ?? 0) >= (failed ?? 0);
  return (
    <span class={`state ${isWell ? "completed" : "failed"}`}>{isWell ? words.answers : words.fails(each.failure)}</span>
  );
}

const ago = (time: number | null, now: number) => (time === null ? words.never : span(now - time));

function Walls({ doctor }: { doctor: Doctor }) {
  const missing = doctor.walls.filter((wall) => !wall.stands);
  return (
    <section aria-label={words.doctor}>
      <header>
        <h2>{words.doctorOf(doctor.host, doctor.jail)}</h2>
      </header>
      <p class="hint">{words.walls(doctor.walls.length - missing.length, doctor.walls.length)}</p>
      {doctor.limitations.length > 0 && <p class="hint">{words.limitations(doctor.limitations.join(", "))}</p>}
      <details>
        <summary>{words.showWalls}</summary>
        <Table
          title={words.doctor}
          rows={doctor.walls}
          rowKey={(wall) => wall.name}
          columns={[
            { name: words.status, cell: (wall) => wallState(wall.stands, wall.is_required) },
            { name: words.wall, cell: (wall) => wall.name },
            { name: words.meaning, cell: (wall) => wall.meaning },
          ]}
        />
      </details>
    </section>
  );
}

function wallState(stands: boolean, isRequired: boolean) {
  if (stands) return <span class="state completed">{words.stands}</span>;
  return <span class={`state ${isRequired ? "failed" : "waiting"}`}>{isRequired ? words.missing : words.notHere}</span>;
}

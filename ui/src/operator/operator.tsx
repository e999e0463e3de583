// The page: the gate, what goes on now in numbers, then each part of it.
import { useEffect } from "preact/hooks";
import { Gate } from "../access/gate";
import { key, setKey } from "../access/key";
import { IconButton } from "../shell/icon";
import { switchTheme, theme } from "../shell/theme";
import { operator as words, strings } from "../strings";
import { span } from "./format";
import { failure, isProjectKey, keepFresh, refresh, refreshedAt, state, type State } from "./live";
import { Projects } from "./projects";
import { Servers } from "./servers";
import { UsageSection } from "./usage_section";
import { Work } from "./work";

export function Operator() {
  useEffect(keepFresh, []);
  if (!key.value || isProjectKey.value) {
    return (
      <Gate title={`assistd ${words.operator}`} command="assistd keys create --admin" label={words.adminKey}>
        {isProjectKey.value && <p class="error" role="alert">{words.projectKey}</p>}
      </Gate>
    );
  }
  return (
    <div class="operator">
      <Head />
      <main>
        {failure.value && <p class="error" role="alert">{failure.value}</p>}
        {state.value ? <Parts found={state.value} /> : !failure.value && <p class="hint">{words.loading}</p>}
      </main>
    </div>
  );
}

function Head() {
  const servers = state.value?.servers ?? [];
  const jails = [...new Set(servers.map((each) => each.jail).filter(Boolean))].join(", ");
  return (
    <header class="top">
      <h1>assistd {words.operator}</h1>
      <span class="hint">{words.serversOf(servers.length, jails)}</span>
      <span class="refreshed" role="status">
        {refreshedAt.value && words.refreshed(refreshedAt.value.toLocaleTimeString())}
      </span>
      <button onClick={() => void refresh()}>{words.refresh}</button>
      <IconButton icon={theme.value} name={`${strings.theme}: ${theme.value}`} onClick={switchTheme} />
      <button onClick={() => setKey(null)}>{strings.signOut}</button>
    </header>
  );
}

function Parts({ found }: { found: State }) {
  return (
    <>
      <Tiles found={found} />
      <Work live={found.live} />
      <Projects projects={found.projects} />
      <UsageSection projects={found.projects} />
      <Servers state={found} />
    </>
  );
}

function Tiles({ found }: { found: State }) {
  const { live, projects, servers } = found;
  const oldest = Math.max(0, ...live.queue.map((each) => each.seconds));
  const full = projects.filter(
    ({ use, limits }) =>
      use.runs >= (limits.runs ?? Infinity) ||
      (use.requests ?? 0) >= (limits.requests ?? Infinity) ||
      use.sessions >= (limits.sessions ?? Infinity) ||
      use.storage_bytes >= (limits.storage_bytes ?? Infinity),
  );
  const silent = servers.filter((each) => each.is_silent);
  return (
    <dl class="tiles">
      <Tile name={words.liveSessions} value={live.sessions.length} more={words.most(live.max_sessions)} />
      <Tile name={words.runs} value={live.runs.length} />
      <Tile
        name={words.queue}
        value={live.queue.length}
        more={live.queue.length ? words.oldest(span(oldest)) : ""}
        isBad={live.queue.length > 0}
      />
      <Tile name={words.projectsAtLimit} value={full.length} isBad={full.length > 0} />
      <Tile name={words.silentServers} value={silent.length} isBad={silent.length > 0} />
    </dl>
  );
}

function Tile({ name, value, more, isBad }: { name: string; value: number; more?: string; isBad?: boolean }) {
  return (
    <div class={isBad ? "tile bad" : "tile"}>
      <dt>{name}</dt>
      <dd>
        {value} {more && <small>{more}</small>}
      </dd>
    </div>
  );
}

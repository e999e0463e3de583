// The threads by day, and the assistants.
import { useEffect } from "preact/hooks";
import { key, setKey } from "../access/key";
import { assistants, chosen } from "../assistants/assistants";
import { ConversationList } from "../responses/conversation_list";
import { route } from "../route";
import { Icon, IconButton } from "../shell/icon";
import { startThread } from "../shell/commands";
import { dialog, isDrawerOpen, pane } from "../shell/layout";
import { strings } from "../strings";
import { ThreadRow } from "./thread_row";
import { days, failure, loadThreads, searched, threads } from "./threads";

export function Sidebar() {
  useEffect(() => void loadThreads(), []);
  return (
    <nav class="sidebar" aria-label={strings.threads}>
      <div class="row">
        <button class="primary" onClick={startThread}>
          <Icon name="add" /> {strings.newThread}
        </button>
        <IconButton icon="search" name={strings.palette} onClick={() => (dialog.value = "palette")} />
      </div>
      <input
        type="search"
        aria-label={strings.searchThreads}
        placeholder={strings.searchThreads}
        value={searched.value}
        onInput={(event) => {
          searched.value = event.currentTarget.value;
          void loadThreads();
        }}
      />
      <div class="threads">
        {failure.value && <p class="error">{failure.value}</p>}
        {days.value.map(([day, ofDay]) => (
          <section key={day}>
            <h2>{day}</h2>
            <ul>
              {ofDay.map((each) => (
                <ThreadRow key={each.id} thread={each} isOpen={each.id === route.value.thread} />
              ))}
            </ul>
          </section>
        ))}
        {threads.value.length === 0 && (
          <p class="hint">{searched.value ? strings.nothingFound : strings.noThreads}</p>
        )}
      </div>
      <ConversationList />
      <Assistants />
      <div class="row places">
        <a
          href="#/stores"
          aria-current={route.value.door === "stores" ? "page" : undefined}
          onClick={() => (pane.value = "chat")}
        >
          {strings.stores}
        </a>
      </div>
      <footer class="row">
        <span class="hint">
          {strings.key} …{key.value?.slice(-4)}
        </span>
        <button onClick={() => setKey(null)}>{strings.signOut}</button>
      </footer>
    </nav>
  );
}

function Assistants() {
  return (
    <section>
      <div class="row">
        <h2>{strings.assistants}</h2>
        <IconButton
          icon="add"
          name={strings.newAssistant}
          onClick={() => {
            chosen.value = null;
            isDrawerOpen.value = true;
          }}
        />
      </div>
      <ul>
        {assistants.value.map((each) => (
          <li key={each.id} class="row">
            <button
              class="bare name"
              aria-pressed={each.id === chosen.value?.id}
              onClick={() => (chosen.value = each)}
            >
              {each.name ?? each.id}
            </button>
            <IconButton
              icon="edit"
              name={`${strings.edit} ${each.name ?? each.id}`}
              onClick={() => {
                chosen.value = each;
                isDrawerOpen.value = true;
              }}
            />
          </li>
        ))}
      </ul>
    </section>
  );
}

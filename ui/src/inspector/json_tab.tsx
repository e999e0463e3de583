// Every object of the API that the open thread has, and every request and event since the page was opened.
import { useState } from "preact/hooks";
import { recorded, recordsOf } from "../access/journal";
import { transcript } from "../chat/open_thread";
import type { Entry } from "../chat/transcript";
import { strings } from "../strings";
import { steps } from "./behind";
import { Fold, Json } from "./fold";

const MOST_SHOWN = 300;

interface Shown {
  id: string;
  name: string;
  /** Its id, of an object of the API. */
  of?: string;
  at: number;
  read: () => unknown;
  text: string;
}

export function JsonTab() {
  const [words, setWords] = useState("");
  const here = transcript.value;
  if (!here) return <p class="hint">{strings.noRuns}</p>;
  void recorded.value;
  const found = [...objects(here.entries.value), ...events(here.thread)].filter(({ name, text }) =>
    `${name} ${text}`.toLowerCase().includes(words.toLowerCase()),
  );
  return (
    <>
      <input
        type="search"
        aria-label={strings.searchJson}
        placeholder={strings.searchJson}
        value={words}
        onInput={(event) => setWords(event.currentTarget.value)}
      />
      <p class="hint" role="status">
        {strings.foundObjects(found.length)}
      </p>
      {found.slice(-MOST_SHOWN).map(({ id, name, of, at, read }) => (
        <Fold
          key={id}
          summary={
            <>
              <code>{name}</code> <span class="at hint">{new Date(at).toLocaleTimeString()}</span>
              {of && <code class="of">{of}</code>}
            </>
          }
        >
          {() => <Json value={read()} />}
        </Fold>
      ))}
    </>
  );
}

function objects(entries: Entry[]): Shown[] {
  const known = new Map<string, { id: string; object: string; created_at: number }>();
  for (const each of transcript.value?.runs.value ?? []) known.set(each.id, each);
  for (const each of entries) {
    if (each.kind === "message") known.set(each.id, each.message.value);
    if (each.kind === "step") known.set(each.id, each.step.value);
  }
  for (const each of steps.value) known.set(each.id, each);
  return [...known.values()]
    .sort((one, other) => one.created_at - other.created_at)
    .map((each) => ({
      id: each.id,
      name: each.object,
      of: each.id,
      at: each.created_at * 1000,
      read: () => each,
      text: JSON.stringify(each),
    }));
}

function events(thread: string): Shown[] {
  return recordsOf(thread).map(({ number, name, at, body }) => ({
    id: String(number),
    name,
    at,
    read: () => JSON.parse(body) as unknown,
    text: body,
  }));
}

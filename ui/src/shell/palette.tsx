// Threads, assistants and actions by some letters of their names; and the list of keys.
import type { TargetedKeyboardEvent } from "preact";
import { useState } from "preact/hooks";
import { strings } from "../strings";
import { actions, everyCommand, type Command } from "./commands";
import { dialog } from "./layout";
import { Modal } from "./modal";

const MOST_SHOWN = 50;
const close = () => (dialog.value = null);

export function Palette() {
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const found = find(typed);
  const run = (command: Command | undefined) => {
    if (!command) return;
    close();
    command.run();
  };
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLInputElement>) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") setAt(Math.min(at + 1, found.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(at - 1, 0));
    else if (event.key === "Enter") run(find(event.currentTarget.value)[at]); // of what is typed, shown or not
    else return;
    event.preventDefault();
  };
  return (
    <Modal name={strings.palette} class="palette" onClose={close}>
      <input
        role="combobox"
        aria-label={strings.palette}
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={found[at] && `palette-${at}`}
        placeholder={strings.palette}
        autofocus
        value={typed}
        onInput={(event) => {
          setTyped(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul id="palette-list" role="listbox" aria-label={strings.palette}>
        {found.map((command, index) => (
          <li
            key={`${index} ${command.name}`}
            id={`palette-${index}`}
            role="option"
            aria-selected={index === at}
            ref={(row) => void (index === at && row?.scrollIntoView({ block: "nearest" }))}
            onClick={() => run(command)}
          >
            <span dir="auto">{command.name}</span>
            {command.key && <kbd>{command.key}</kbd>}
          </li>
        ))}
      </ul>
      {found.length === 0 && <p class="hint">{strings.nothingFound}</p>}
    </Modal>
  );
}

export function KeyList() {
  return (
    <Modal name={strings.keyList} class="key-list" onClose={close}>
      <h2>{strings.keyList}</h2>
      <dl>
        {[{ name: strings.palette, key: strings.paletteKeys }, ...actions].map(({ name, key }) =>
          key ? (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{name}</dd>
            </div>
          ) : null,
        )}
        {strings.composerKeys.map(([key, name]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{name}</dd>
          </div>
        ))}
      </dl>
      <button onClick={close}>{strings.close}</button>
    </Modal>
  );
}

/** The commands to show: their names have the letters; those that have them side by side come first. */
function find(typed: string): Command[] {
  const wanted = typed.trim().toLowerCase();
  const [near, far]: [Command[], Command[]] = [[], []];
  for (const each of everyCommand())
    if (isMatch(each.name, typed)) (each.name.toLowerCase().includes(wanted) ? near : far).push(each);
  return [...near, ...far].slice(0, MOST_SHOWN);
}

/** Whether the letters stand in the name, in their order. */
function isMatch(name: string, typed: string): boolean {
  let from = 0;
  const inName = name.toLowerCase();
  return [...typed.toLowerCase().replaceAll(" ", "")].every((letter) => {
    from = inName.indexOf(letter, from) + 1;
    return from > 0;
  });
}

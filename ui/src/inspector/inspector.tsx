// What is behind the open thread: its steps, its files, its objects.
import type { ComponentType } from "preact";
import { useState } from "preact/hooks";
import { IconButton } from "../shell/icon";
import { toggleInspector } from "../shell/layout";
import { strings } from "../strings";
import { FilesTab } from "./files_tab";
import { JsonTab } from "./json_tab";
import { StepsTab } from "./steps_tab";

const TABS: Record<string, [name: string, Tab: ComponentType]> = {
  steps: [strings.steps, StepsTab],
  files: [strings.files, FilesTab],
  json: [strings.json, JsonTab],
};

export function Inspector() {
  const [shown, setShown] = useState("steps");
  const Tab = TABS[shown]![1];
  const go = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    const names = Object.keys(TABS);
    setShown(names.at((names.indexOf(shown) + by) % names.length)!);
  };
  return (
    <aside class="inspector" aria-label={strings.behindThread}>
      <div class="row">
        <div class="tabs" role="tablist" aria-label={strings.behindThread} onKeyDown={go}>
          {Object.entries(TABS).map(([id, [name]]) => (
            <button
              key={id}
              role="tab"
              id={`tab-${id}`}
              aria-selected={id === shown}
              aria-controls="tab-panel"
              tabIndex={id === shown ? 0 : -1}
              ref={(tab) => void (id === shown && tab?.parentElement?.contains(document.activeElement) && tab.focus())}
              onClick={() => setShown(id)}
            >
              {name}
            </button>
          ))}
        </div>
        <IconButton icon="close" name={strings.hide} class="hide" onClick={toggleInspector} />
      </div>
      <div role="tabpanel" id="tab-panel" aria-labelledby={`tab-${shown}`} tabIndex={0}>
        <Tab />
      </div>
    </aside>
  );
}

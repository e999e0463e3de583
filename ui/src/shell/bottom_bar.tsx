// On a telephone: which pane is in front.
import { route, type Door } from "../route";
import { strings } from "../strings";
import { Icon } from "./icon";
import { isDrawerOpen, pane, type Pane } from "./layout";

const PANES: Record<Door, [Pane, "threads" | "chat" | "steps" | "files", string][]> = {
  assistants: [
    ["threads", "threads", strings.threads],
    ["chat", "chat", strings.chat],
    ["inspector", "steps", strings.steps],
  ],
  responses: [
    ["threads", "threads", strings.threads],
    ["chat", "chat", strings.chat],
    ["inspector", "files", strings.container],
  ],
  stores: [
    ["threads", "threads", strings.threads],
    ["chat", "files", strings.stores],
  ],
};

export function BottomBar() {
  return (
    <nav class="bottom-bar" aria-label={strings.panes}>
      {PANES[route.value.door].map(([each, icon, name]) => (
        <button
          key={each}
          aria-current={pane.value === each && !isDrawerOpen.value ? "page" : undefined}
          onClick={() => {
            pane.value = each;
            isDrawerOpen.value = false;
          }}
        >
          <Icon name={icon} />
          {name}
        </button>
      ))}
    </nav>
  );
}

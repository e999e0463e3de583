// The conversations of this browser, and one by its id: for who uses the second door.
import { useState } from "preact/hooks";
import { route } from "../route";
import { showConversation } from "../shell/commands";
import { pane } from "../shell/layout";
import { strings } from "../strings";
import { conversations, forget } from "./conversations";

export function ConversationList() {
  const [typed, setTyped] = useState("");
  if (conversations.value.length === 0 && route.value.door !== "responses") return null;
  return (
    <section class="conversations">
      <h2>{strings.conversations}</h2>
      <ul>
        {conversations.value.map(({ id, title }) => (
          <li key={id} class="row">
            <a
              href={`#/${id}`}
              aria-current={id === route.value.conversation ? "page" : undefined}
              dir="auto"
              onClick={() => (pane.value = "chat")}
            >
              {title}
            </a>
            <button type="button" class="bare" aria-label={`${strings.forget} ${title}`} title={strings.forgetHint} onClick={() => forget(id)}>
              ×
            </button>
          </li>
        ))}
      </ul>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (typed.trim()) showConversation(typed.trim());
          setTyped("");
        }}
      >
        <input
          aria-label={strings.openById}
          placeholder="conv_…"
          pattern="\s*conv_\w+\s*"
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
        <button>{strings.openIt}</button>
      </form>
    </section>
  );
}

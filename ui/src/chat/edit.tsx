// A message that was sent, said anew in another thread: threads of the API cannot be rewound.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { strings } from "../strings";
import { fork } from "./open_thread";
import type { Message, Transcript } from "./transcript";

/** The message that is edited. */
export const editing = signal<string | null>(null);

/** Edits what the user said last. */
export function editLast(here: Transcript): void {
  const last = here.entries.value.findLast((each) => each.kind === "message" && each.message.value.role === "user");
  if (last) editing.value = last.id;
}

export function EditForm({ message }: { message: Message }) {
  const [text, setText] = useState(() =>
    message.content.map((part) => (part.type === "text" ? part.text.value : "")).join("\n"),
  );
  const close = () => (editing.value = null);
  const send = () => {
    close();
    void fork(message, text.trim());
  };
  return (
    <form
      class="message user edit"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      onKeyDown={(event) => event.key === "Escape" && close()}
    >
      <textarea
        aria-label={strings.editMessage}
        dir="auto"
        rows={Math.min(12, text.split("\n").length + 1)}
        value={text}
        ref={(area) => void (area && area !== document.activeElement && area.focus())}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <p class="hint">{strings.editHint}</p>
      <div class="row">
        <button class="primary" disabled={!text.trim()}>
          {strings.sendFork}
        </button>
        <button type="button" onClick={close}>
          {strings.cancel}
        </button>
      </div>
    </form>
  );
}

// One thread of the list: opened, renamed, deleted; deleting asks once more in place.
import { useState } from "preact/hooks";
import { IconButton } from "../shell/icon";
import { pane } from "../shell/layout";
import { strings } from "../strings";
import { deleteThread, renameThread, type ThreadSummary } from "./threads";

const focus = (element: HTMLElement | null) => element?.focus();

export function ThreadRow({ thread, isOpen }: { thread: ThreadSummary; isOpen: boolean }) {
  const [doing, setDoing] = useState<"rename" | "delete" | null>(null);
  const [isBack, setBack] = useState(false);
  const end = (isByKey: boolean) => {
    setDoing(null);
    setBack(isByKey);
  };
  const title = thread.title ?? strings.untitled;
  if (doing === "rename") return <Rename thread={thread} title={title} onEnd={end} />;
  if (doing === "delete")
    return (
      <li class="row" onKeyDown={(event) => event.key === "Escape" && end(true)}>
        <button class="danger" ref={focus} onClick={() => void deleteThread(thread.id)}>
          {strings.delete}
        </button>
        <button onClick={() => end(true)}>{strings.keep}</button>
      </li>
    );
  return (
    <li class="row thread">
      <a
        href={`#/${thread.id}`}
        aria-current={isOpen ? "page" : undefined}
        title={title}
        dir="auto"
        ref={isBack ? focus : null}
        onClick={() => (pane.value = "chat")}
      >
        {thread.active_run && <span class="live" role="img" aria-label={strings.running} />}
        {title}
      </a>
      <IconButton icon="edit" name={`${strings.rename} ${title}`} onClick={() => setDoing("rename")} />
      <IconButton icon="delete" name={`${strings.delete} ${title}`} onClick={() => setDoing("delete")} />
    </li>
  );
}

interface RenameProps {
  thread: ThreadSummary;
  title: string;
  onEnd: (isByKey: boolean) => void;
}

function Rename({ thread, title, onEnd }: RenameProps) {
  const [typed, setTyped] = useState(title);
  return (
    <li>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          void renameThread(thread.id, typed.trim() || title).then(() => onEnd(true));
        }}
      >
        <input
          aria-label={strings.title}
          ref={(field) => void (field && field !== document.activeElement && field.select())}
          value={typed}
          maxLength={512}
          dir="auto"
          onInput={(event) => setTyped(event.currentTarget.value)}
          onBlur={() => onEnd(false)}
          onKeyDown={(event) => event.key === "Escape" && onEnd(true)}
        />
      </form>
    </li>
  );
}

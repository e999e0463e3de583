// What is asked next, with its files and what is wanted of the run.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { sizeOf } from "../render/units";
import { Icon, IconButton } from "../shell/icon";
import { strings } from "../strings";
import { attach, attachments, detach, isUploading, takeAttached, type Attachment } from "./attachments";
import { DropZone } from "./drop_zone";
import type { Attached, FileTool } from "./open_thread";

const draft = signal("");

interface Props {
  ask: (text: string, files: Attached[]) => Promise<void>;
  stop: () => Promise<void>;
  isBusy: boolean;
  /** Opens the last question for editing, where that is possible. */
  editLast?: () => void;
  /** The fields of what is wanted of the run, and a word on what was chosen of them. */
  options?: ComponentChildren;
  chosen?: ComponentChildren;
}

export function Composer({ ask, stop, isBusy, editLast, options, chosen }: Props) {
  const picker = useRef<HTMLInputElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const [hasOptions, setOptions] = useState(false);
  const [isWanted, setWanted] = useState(false);
  useLayoutEffect(() => grow(field.current!), [draft.value]);
  const send = () => {
    const text = draft.value.trim();
    setWanted(isUploading.value); // it goes when the files are there
    if (!text || isBusy || isUploading.value) return;
    draft.value = "";
    void ask(text, takeAttached());
  };
  const halt = async () => {
    await stop();
    field.current?.focus(); // the button that had the focus is gone
  };
  const hasFailed = attachments.value.some(({ state }) => state.value === "failed");
  useEffect(() => {
    if (isWanted && hasFailed) setWanted(false);
    else if (isWanted && !isUploading.value) send();
  }, [isWanted, isUploading.value, hasFailed]);
  const onKeyDown = (event: KeyboardEvent) => {
    // An input method's Enter only ends its word: Chrome says so before, Safari by the key code.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && !event.shiftKey) send();
    else if (event.key === "Escape" && isBusy) void halt();
    else if (event.key === "ArrowUp" && !draft.value && editLast) editLast();
    else return;
    event.preventDefault();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <DropZone />
      {hasOptions && options}
      <ul class="chips" aria-label={strings.files}>
        {chosen}
        {attachments.value.map((each) => (
          <Chip key={each} attachment={each} isForTools={options !== undefined} />
        ))}
      </ul>
      <textarea
        ref={field}
        aria-label={strings.ask}
        placeholder={strings.ask}
        rows={1}
        dir="auto"
        value={draft.value}
        onInput={(event) => (draft.value = event.currentTarget.value)}
        onKeyDown={onKeyDown}
        onPaste={(event) => attach(event.clipboardData?.files ?? [])}
      />
      <input
        ref={picker}
        type="file"
        multiple
        hidden
        onChange={({ currentTarget }) => {
          attach(currentTarget.files ?? []);
          currentTarget.value = ""; // the same file may be chosen again
        }}
      />
      {isWanted && (
        <p class="hint" role="status">
          {strings.sendsAfterUpload}
        </p>
      )}
      <div class="row">
        {options && (
          <IconButton
            icon="more"
            name={strings.runOptions}
            isPressed={hasOptions}
            onClick={() => setOptions(!hasOptions)}
          />
        )}
        <IconButton icon="attach" name={strings.attach} onClick={() => picker.current?.click()} />
        {isBusy ? (
          <button type="button" class="go" title="Esc" aria-label={strings.stop} onClick={() => void halt()}>
            <Icon name="stop" /> <span class="wide">{strings.stop}</span>
          </button>
        ) : (
          <button class="primary go" title="Enter" aria-label={strings.send} aria-busy={isWanted}>
            <Icon name="send" /> <span class="wide">{strings.send}</span>
          </button>
        )}
      </div>
    </form>
  );
}

function Chip({ attachment, isForTools }: { attachment: Attachment; isForTools: boolean }) {
  const { file, state, sent, failure, tools } = attachment;
  const isGoing = state.value === "waiting" || state.value === "uploading";
  return (
    <li class={`chip ${state.value}`}>
      <Icon name="files" />
      <span class="name" title={file.name}>
        {file.name}
      </span>
      <span class="hint">{sizeOf(file.size)}</span>
      {isGoing && <progress value={sent.value} aria-label={strings.uploading(file.name)} />}
      {failure.value && (
        <span class="error" role="alert">
          {failure.value}
        </span>
      )}
      {isForTools && state.value !== "failed" && (
        <select
          aria-label={strings.purposeOf(file.name)}
          value={tools.value.join()}
          onChange={(event) => (tools.value = event.currentTarget.value.split(",") as FileTool[])}
        >
          {Object.entries(strings.purposes).map(([each, name]) => (
            <option key={each} value={each}>
              {name}
            </option>
          ))}
        </select>
      )}
      <IconButton
        icon="close"
        name={`${isGoing ? strings.cancelUpload : strings.removeFile} ${file.name}`}
        onClick={() => detach(attachment)}
      />
    </li>
  );
}

/** Gives the field the height of its text, up to what the styles allow. */
function grow(field: HTMLTextAreaElement): void {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
}

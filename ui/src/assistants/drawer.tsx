// The form of the assistant. What is changed here counts for the next run at once; it is saved by a button.
import { useEffect, useRef, useState } from "preact/hooks";
import { explain } from "../access/client";
import { Icon, IconButton } from "../shell/icon";
import { isDrawerOpen } from "../shell/layout";
import { strings } from "../strings";
import { chosen, current, edit, isEdited, models, remove, revert, save } from "./assistants";
import { Metadata } from "./metadata";
import { ModelSettings } from "./model_settings";
import { Tools } from "./tools";

const MOST_INSTRUCTIONS = 256_000;

export function Drawer() {
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const { name, model, instructions } = current.value;
  const close = () => (isDrawerOpen.value = false);
  const doing = async (change: () => Promise<void>) => {
    setBusy(true);
    setFailure(null);
    await change().catch((error: unknown) => setFailure(explain(error)));
    setBusy(false);
  };
  useEffect(() => setFailure(null), [chosen.value?.id]);
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    box.current?.focus(); // no field: a telephone would show its keyboard
    return () => before?.focus();
  }, []);
  return (
    <section
      class="drawer"
      ref={box}
      tabIndex={-1}
      aria-label={strings.assistant}
      onKeyDown={(event) => event.key === "Escape" && close()}
    >
      <header class="row">
        <h2>{chosen.value ? strings.assistant : strings.newAssistant}</h2>
        {chosen.value && <code class="id hint">{chosen.value.id}</code>}
        <IconButton icon="close" name={strings.close} onClick={close} />
      </header>
      <form
        key={chosen.value?.id}
        onSubmit={(event) => {
          event.preventDefault();
          void doing(save);
        }}
      >
        <label>
          {strings.name}
          <input
            maxLength={256}
            dir="auto"
            value={name ?? ""}
            onInput={(event) => edit({ name: event.currentTarget.value || null })}
          />
        </label>
        <label>
          {strings.model}
          <input
            required
            list="models"
            value={model}
            onInput={(event) => edit({ model: event.currentTarget.value })}
          />
          <datalist id="models">
            {models.value.map((each) => (
              <option key={each} value={each} />
            ))}
          </datalist>
        </label>
        <label>
          <span class="row">
            {strings.instructions}
            <span class="hint">{strings.ofMost((instructions ?? "").length, MOST_INSTRUCTIONS)}</span>
          </span>
          <textarea
            rows={4}
            class="growing"
            maxLength={MOST_INSTRUCTIONS}
            dir="auto"
            value={instructions ?? ""}
            onInput={(event) => edit({ instructions: event.currentTarget.value || null })}
          />
        </label>
        <Tools />
        <ModelSettings />
        <Metadata />
        <footer>
          <p class="hint" role="status">
            {isEdited.value && (chosen.value ? strings.tryBeforeSaving : strings.madeByQuestion)}
          </p>
          {failure && (
            <p class="error" role="alert">
              {failure}
            </p>
          )}
          <div class="row">
            <button class="primary" disabled={isBusy || (chosen.value !== null && !isEdited.value)}>
              {chosen.value ? strings.saveAssistant : strings.makeAssistant}
            </button>
            <button type="button" disabled={!isEdited.value} onClick={revert}>
              {strings.revert}
            </button>
            {chosen.value && <Remove onRemove={() => void doing(remove)} />}
          </div>
        </footer>
      </form>
    </section>
  );
}

/** Deletes after a second press. */
function Remove({ onRemove }: { onRemove: () => void }) {
  const [isSure, setSure] = useState(false);
  if (!isSure) return <IconButton icon="delete" name={strings.deleteAssistant} onClick={() => setSure(true)} />;
  return (
    <button type="button" class="danger" onClick={onRemove} onBlur={() => setSure(false)}>
      <Icon name="delete" /> {strings.delete}
    </button>
  );
}

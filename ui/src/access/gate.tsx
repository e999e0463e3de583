// What is shown without a key: one field.
import type { ComponentChildren } from "preact";
import { strings } from "../strings";
import { isRefused, setKey } from "./key";

interface Props {
  title?: string;
  label?: string;
  command?: string;
  children?: ComponentChildren;
}

const focus = (field: HTMLElement | null) => field?.focus();

/** Asks for a key, and says which command makes one. */
export function Gate({ title = "assistd", label = strings.key, command = "assistd keys create", children }: Props) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const typed = String(form.get("key") ?? "").trim();
    if (typed) setKey(typed, form.has("remember"));
  };
  return (
    <main class="gate">
      <form onSubmit={submit}>
        <h1>{title}</h1>
        {children}
        <label>
          {label}
          <input name="key" type="password" autocomplete="off" ref={focus} required aria-invalid={isRefused.value} />
        </label>
        {isRefused.value && (
          <p class="error" role="alert">
            {strings.keyRefused}
          </p>
        )}
        <label class="check">
          <input name="remember" type="checkbox" /> {strings.remember}
        </label>
        <button class="primary">{strings.signIn}</button>
        <p class="hint">
          {strings.whereIsMyKey} <code>{command}</code>
        </p>
      </form>
    </main>
  );
}

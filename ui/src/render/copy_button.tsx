import { useState } from "preact/hooks";
import { strings } from "../strings";

/** Copies a text, and says so for a moment. */
export function CopyButton({ text }: { text: string }) {
  const [isDone, setDone] = useState(false);
  if (!navigator.clipboard) return null; // only pages of https: and of this machine have one
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return (
    <button type="button" class="quiet" onClick={() => void copy()}>
      {isDone ? strings.copied : strings.copy}
    </button>
  );
}

// A part that is drawn when it is opened, and JSON in colours.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { highlight } from "../render/highlight";

interface Props {
  summary: ComponentChildren;
  children: () => ComponentChildren;
  isOpen?: boolean;
}

export function Fold({ summary, children, isOpen = false }: Props) {
  const [wasOpened, setOpened] = useState(isOpen);
  return (
    <details class="fold" open={isOpen} onToggle={(event) => event.currentTarget.open && setOpened(true)}>
      <summary>{summary}</summary>
      {wasOpened && children()}
    </details>
  );
}

export function Json({ value }: { value: unknown }) {
  return (
    <pre class="json" tabIndex={0} dir="ltr">
      <code>{highlight(JSON.stringify(value, null, 2), "json")}</code>
    </pre>
  );
}

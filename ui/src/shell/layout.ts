// Which panes are seen: three on a wide window, two on a narrower one, one on a telephone.
import { signal } from "@preact/signals";

export type Pane = "threads" | "chat" | "inspector";
export type Dialog = "palette" | "keys" | "copy";

/** The pane in front, where there is no room for all. */
export const pane = signal<Pane>("chat");
/** Whether a wide window shows what is behind the thread. */
export const isInspectorShown = signal(true);
/** Whether the assistant's form stands in place of the threads. */
export const isDrawerOpen = signal(false);
export const dialog = signal<Dialog | null>(null);

/** Shows what is behind the thread, or hides it. */
export function toggleInspector(): void {
  if (matchMedia("(min-width: 1100px)").matches) isInspectorShown.value = !isInspectorShown.value;
  else pane.value = pane.value === "inspector" ? "chat" : "inspector";
}

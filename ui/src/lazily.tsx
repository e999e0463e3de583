// A room that is fetched when it is first shown, so that the page itself comes quickly.
import { signal } from "@preact/signals";
import type { ComponentType, FunctionComponent } from "preact";
import { explain } from "./access/client";
import { trouble } from "./chat/open_thread";

/** A component in the place of one that `load` brings. */
export function lazily<P extends object>(load: () => Promise<ComponentType<P>>): FunctionComponent<P> {
  const loaded = signal<ComponentType<P> | null>(null);
  let isAsked = false;
  const ask = async () => {
    isAsked = true;
    try {
      loaded.value = await load();
    } catch (error) {
      isAsked = false;
      trouble.value = explain(error);
    }
  };
  return (props: P) => {
    if (!isAsked) void ask();
    const Loaded = loaded.value;
    return Loaded && <Loaded {...props} />;
  };
}

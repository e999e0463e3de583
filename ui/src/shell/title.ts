// What the tab of the browser says: the thread that is open, by which one finds it among other tabs.
import { effect } from "@preact/signals";
import { key } from "../access/key";
import { route } from "../route";
import { threads } from "../threads/threads";

effect(() => {
  const title = key.value && threads.value.find(({ id }) => id === route.value.thread)?.title;
  document.title = title ? `${title} · assistd` : "assistd";
});

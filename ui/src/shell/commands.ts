// What can be done by a key, and by the palette: one list for both, and for the page that explains the keys.
import { assistants, chosen } from "../assistants/assistants";
import { setKey } from "../access/key";
import { conversations } from "../responses/conversations";
import { open, openConversation, openStore, route } from "../route";
import { strings } from "../strings";
import { threads } from "../threads/threads";
import { dialog, isDrawerOpen, pane, toggleInspector } from "./layout";
import { switchTheme } from "./theme";

/** What can be read; the end of a run without a card is not. */
const MESSAGES = ".entries > :is(article, section:not(.entry), .entry:has(.message, .call, .search-call, .card-note))";

export interface Command {
  name: string;
  key?: string;
  run: () => void;
}

/** What is always there. */
export const actions: Command[] = [
  { name: strings.newThread, key: "n", run: startThread },
  { name: strings.writeMessage, key: "/", run: focusComposer },
  { name: strings.threadBefore, key: "[", run: () => goThread(-1) },
  { name: strings.threadAfter, key: "]", run: () => goThread(1) },
  { name: strings.messageAfter, key: "j", run: () => goMessage(1) },
  { name: strings.messageBefore, key: "k", run: () => goMessage(-1) },
  { name: strings.showSteps, key: "e", run: toggleInspector },
  { name: strings.switchTheme, key: "d", run: switchTheme },
  { name: strings.keyList, key: "?", run: () => (dialog.value = "keys") },
  { name: strings.editAssistant, run: () => (isDrawerOpen.value = true) },
  { name: strings.copyAs, run: () => (dialog.value = "copy") },
  { name: strings.signOut, run: () => setKey(null) },
];

/** All that the palette offers: actions, conversations, threads, assistants. */
export function everyCommand(): Command[] {
  return [
    ...actions,
    { name: strings.newConversation, run: () => showConversation(null) },
    { name: strings.stores, run: showStores },
    ...conversations.value.map(({ id, title }) => ({
      name: `${strings.conversation}: ${title}`,
      run: () => showConversation(id),
    })),
    ...threads.value.map(({ id, title }) => ({
      name: `${strings.thread}: ${title ?? strings.untitled}`,
      run: () => showThread(id),
    })),
    ...assistants.value.map((each) => ({
      name: `${strings.assistant}: ${each.name ?? each.id}`,
      run: () => (chosen.value = each),
    })),
  ];
}

/** Obeys the keys of the page, unless somebody types. */
export function obeyKey(event: KeyboardEvent): void {
  if (event.isComposing || event.defaultPrevented) return;
  const hasModifier = event.ctrlKey || event.metaKey;
  if (hasModifier && event.key.toLowerCase() === "k") {
    event.preventDefault();
    dialog.value = dialog.value === "palette" ? null : "palette";
    return;
  }
  if (hasModifier || event.altKey || dialog.value || isTyping(event.target)) return;
  const command = actions.find(({ key }) => key === event.key.toLowerCase());
  if (!command) return;
  event.preventDefault();
  command.run();
}

/** Opens a thread and brings it to the front. */
export function showThread(id: string): void {
  open(id);
  pane.value = "chat";
}

/** Opens a conversation, or an empty one, and brings it to the front. */
export function showConversation(id: string | null): void {
  openConversation(id);
  pane.value = "chat";
}

/** Opens the list of vector stores and brings it to the front. */
export function showStores(): void {
  openStore(null);
  pane.value = "chat";
}

/** Begins a thread, ready to be typed into. */
export function startThread(): void {
  open(null);
  focusComposer();
}

function focusComposer(): void {
  pane.value = "chat";
  requestAnimationFrame(() => document.querySelector<HTMLElement>(".composer textarea")?.focus());
}

function goThread(by: number): void {
  const at = threads.value.findIndex(({ id }) => id === route.value.thread);
  const next = threads.value[at < 0 ? 0 : at + by];
  if (next) showThread(next.id);
}

function goMessage(by: number): void {
  const entries = [...document.querySelectorAll<HTMLElement>(MESSAGES)];
  const at = entries.indexOf(document.activeElement as HTMLElement);
  const next = at < 0 ? entries.at(by < 0 ? -1 : 0) : entries[at + by];
  if (!next) return;
  next.tabIndex = -1;
  next.focus();
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, textarea, select, [contenteditable], dialog *");
}

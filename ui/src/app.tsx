// The panes: threads, the open one, and what is behind it; the bar above them, and on a telephone one below.
import { useEffect } from "preact/hooks";
import { Gate } from "./access/gate";
import { explain, isAdminKey } from "./access/client";
import { key, passToOperator } from "./access/key";
import { loadAssistants } from "./assistants/assistants";
import { Chat } from "./chat/chat";
import { trouble } from "./chat/open_thread";
import { Inspector } from "./inspector/inspector";
import { lazily } from "./lazily";
import { route, type Door } from "./route";
import { BottomBar } from "./shell/bottom_bar";
import { obeyKey } from "./shell/commands";
import { dialog, isDrawerOpen, isInspectorShown, pane } from "./shell/layout";
import { KeyList, Palette } from "./shell/palette";
import { TopBar } from "./shell/top_bar";
import { strings } from "./strings";
import { Sidebar } from "./threads/sidebar";

const Drawer = lazily(async () => (await import("./assistants/drawer")).Drawer);
const CopyAs = lazily(async () => (await import("./copy/copy_as")).CopyAs);
const Talk = lazily(async () => (await import("./responses/talk")).Talk);
const ContainerPane = lazily(async () => (await import("./responses/container")).ContainerPane);
const Stores = lazily(async () => (await import("./stores/stores_page")).Stores);

export function App() {
  if (key.value && !isAdminKey.value) return <Panes />;
  return <Gate>{key.value && <AdminKey />}</Gate>;
}

function AdminKey() {
  return (
    <>
      <p role="alert">{strings.adminKey}</p>
      <a class="button" href="/operator" onClick={passToOperator}>
        {strings.operatorPage}
      </a>
    </>
  );
}

function Panes() {
  useEffect(() => {
    loadAssistants().catch((error: unknown) => (trouble.value = explain(error)));
    addEventListener("keydown", obeyKey);
    return () => removeEventListener("keydown", obeyKey);
  }, []);
  const { door } = route.value;
  const shown = door === "stores" && pane.value === "inspector" ? "chat" : pane.value; // nothing is behind a store
  const state = [isInspectorShown.value ? "" : "without-inspector", isDrawerOpen.value ? "with-drawer" : ""];
  return (
    <div class={`panes ${state.join(" ")}`} data-pane={shown} data-door={door}>
      <TopBar />
      {isDrawerOpen.value && <Drawer />}
      <Sidebar />
      <Room door={door} />
      <BottomBar />
      {dialog.value === "palette" && <Palette />}
      {dialog.value === "copy" && <CopyAs />}
      {dialog.value === "keys" && <KeyList />}
    </div>
  );
}

function Room({ door }: { door: Door }) {
  switch (door) {
    case "stores":
      return <Stores />;
    case "responses":
      return (
        <>
          <Talk />
          <ContainerPane />
        </>
      );
    case "assistants":
      return (
        <>
          <Chat />
          <Inspector />
        </>
      );
  }
}

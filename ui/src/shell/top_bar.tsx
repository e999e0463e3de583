// Who answers, with which model, what its session takes; theme, help, key.
import { key } from "../access/key";
import { assistants, chosen } from "../assistants/assistants";
import { route } from "../route";
import { strings } from "../strings";
import { IconButton } from "./icon";
import { dialog, isDrawerOpen } from "./layout";
import { session, timeLeft } from "./session";
import { switchTheme, theme } from "./theme";

export function TopBar() {
  return (
    <header class="top-bar">
      <h1 class="brand">assistd</h1>
      <Answering />
      <SessionState />
      <IconButton icon={theme.value} name={strings.themeNow(theme.value)} onClick={switchTheme} />
      <IconButton icon="help" name={strings.keyList} class="wide" onClick={() => (dialog.value = "keys")} />
      <span class="key hint wide">
        {strings.key} …{key.value?.slice(-4)}
      </span>
    </header>
  );
}

/** Who answers in threads; elsewhere the name of the place. */
function Answering() {
  const answering = chosen.value;
  const { door } = route.value;
  if (door !== "assistants") return <span>{door === "stores" ? strings.stores : strings.responsesDoor}</span>;
  return (
    <>
      <select
        aria-label={strings.assistant}
        value={answering?.id ?? ""}
        onChange={({ currentTarget: { value } }) =>
          (chosen.value = assistants.value.find(({ id }) => id === value) ?? null)
        }
      >
        {!answering && <option value="">{strings.firstAssistant}</option>}
        {assistants.value.map((each) => (
          <option key={each.id} value={each.id}>
            {each.name ?? each.id}
          </option>
        ))}
      </select>
      <IconButton
        icon="edit"
        name={strings.editAssistant}
        isPressed={isDrawerOpen.value}
        onClick={() => (isDrawerOpen.value = !isDrawerOpen.value)}
      />
      <span class="model hint" title={strings.model}>
        {answering?.model}
      </span>
    </>
  );
}

function SessionState() {
  const here = session.value;
  if (!here || here.status === "none") return <span class="session" />;
  return (
    <span class="session" role="timer" aria-live="off">
      <span class="live" aria-hidden="true">●</span>{" "}
      <span class="wide">{strings.sessionLive}</span> {here.ends_at && timeLeft(here)}
      {here.billed && here.price != null && ` · ${strings.price(here.price)}`}
    </span>
  );
}

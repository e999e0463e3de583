// Through which API a new talk goes.
import { route } from "../route";
import { strings } from "../strings";

export function DoorSwitch() {
  const { door } = route.value;
  return (
    <nav class="door-switch" aria-label={strings.door}>
      <a href="#/" aria-current={door === "assistants" ? "page" : undefined}>
        {strings.assistantsDoor}
      </a>
      <a href="#/responses" aria-current={door === "responses" ? "page" : undefined}>
        {strings.responsesDoor}
      </a>
    </nav>
  );
}

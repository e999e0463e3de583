// A conversation of the second door, shown by the parts of the first one.
import { Composer } from "../chat/composer";
import { Examples } from "../chat/examples";
import { FunctionCard } from "../chat/function_card";
import { MessageView } from "../chat/message";
import type { Attached } from "../chat/open_thread";
import { EndingCard, type Ending } from "../chat/runs/ending_card";
import { Scroller } from "../chat/scroller";
import { StepView } from "../chat/steps/step";
import { DoorSwitch } from "./door_switch";
import type { Conversation } from "./conversation";
import { answer, ask, conversation, stop, trouble, unsent } from "./open_conversation";
import { timeline } from "./response_timeline";
import { SettingsForm } from "./settings_form";
import { strings } from "../strings";

export function Talk() {
  const here = conversation.value;
  const before = timeline.value?.queue_position;
  return (
    <main class="chat talk">
      <Scroller key={here?.id} isEmpty={!here && !unsent.value && !trouble.value}>
        {!here && <DoorSwitch />}
        {!here && <p class="hint about">{strings.aboutResponses}</p>}
        {!here && <Examples ask={ask} fail={(why) => (trouble.value = why)} />}
        {here?.entries.value.map((entry) =>
          entry.kind === "message" ? (
            <MessageView key={entry.id} message={entry.message} />
          ) : (
            <StepView key={entry.id} step={entry.step} />
          ),
        )}
        {here && <Standing here={here} />}
        {trouble.value && (
          <p class="error" role="alert">
            {trouble.value}
          </p>
        )}
        {unsent.value && <Unsent {...unsent.value} />}
        {here?.active.value && (
          <p class="waiting" aria-live="polite">
            <span class="dots" aria-hidden="true" />{" "}
            {before == null ? strings.runStates.in_progress : strings.inLine(before)}
          </p>
        )}
      </Scroller>
      <div>
        <SettingsForm />
        <Composer ask={ask} stop={stop} isBusy={here?.active.value != null} />
      </div>
    </main>
  );
}

/** How the newest response ended, or what it waits for. */
function Standing({ here }: { here: Conversation }) {
  const calls = here.waiting.value;
  const { status = "completed", error, incomplete_details } = here.response.value ?? {};
  if (calls.length) return <FunctionCard key={calls.map(({ id }) => id).join()} calls={calls} until={null} submit={answer} />;
  if (!(status in strings.endings)) return null;
  return (
    <EndingCard
      status={status as Ending}
      code={error?.code ?? incomplete_details?.reason}
      message={error?.message}
    />
  );
}

function Unsent({ text, files }: { text: string; files: Attached[] }) {
  return (
    <section class="card-note bad">
      <p class="said" dir="auto">
        {text}
      </p>
      <div class="row">
        <button type="button" class="primary" onClick={() => void ask(text, files)}>
          {strings.sendAgain}
        </button>
        <button type="button" onClick={() => (unsent.value = null)}>
          {strings.discard}
        </button>
      </div>
    </section>
  );
}

// The open thread, and the composer below it.
import { useEffect } from "preact/hooks";
import { DoorSwitch } from "../responses/door_switch";
import { route } from "../route";
import { strings } from "../strings";
import { Composer } from "./composer";
import { editLast } from "./edit";
import { Examples } from "./examples";
import { MessageView } from "./message";
import { ask, stop, transcript, trouble, unsent } from "./open_thread";
import { RunOptions, RunOptionsChip } from "./run_options";
import { RunHead, RunEnd, sayState } from "./runs/run";
import { Scroller } from "./scroller";
import { StepView } from "./steps/step";
import type { Transcript } from "./transcript";
import { UnsentCard } from "./unsent";

export function Chat() {
  const here = transcript.value;
  return (
    <main class="chat">
      <Scroller key={here?.thread} isEmpty={!here && !unsent.value && !trouble.value}>
        {!here && <DoorSwitch />}
        {here ? <Entries here={here} /> : <Examples ask={ask} fail={(why) => (trouble.value = why)} />}
        {unsent.value && <UnsentCard unsent={unsent.value} />}
        {trouble.value && (
          <p class="error" role="alert">
            {trouble.value}
          </p>
        )}
        {here?.notice.value && <p class="banner">{strings.notices[here.notice.value]}</p>}
      </Scroller>
      <p class="hidden" aria-live="polite">
        {here && sayState(here)}
      </p>
      <Composer
        ask={ask}
        stop={stop}
        isBusy={here?.active.value != null}
        editLast={() => here && editLast(here)}
        options={<RunOptions />}
        chosen={<RunOptionsChip />}
      />
    </main>
  );
}

function Entries({ here }: { here: Transcript }) {
  const entries = here.entries.value;
  const wanted = route.value.run;
  const isThere = wanted !== null && entries.some(({ id }) => id === wanted);
  useEffect(() => {
    if (isThere) document.getElementById(wanted)?.scrollIntoView({ block: "center" });
  }, [wanted, isThere]);
  return (
    <>
      {entries.map((entry, at) => (
        <section class="entry" key={entry.id}>
          {entry.run && entry.run !== entries[at - 1]?.run && <RunHead here={here} run={entry.run} />}
          {entry.kind === "message" && <MessageView message={entry.message} shown={here.pictures} isEditable />}
          {entry.kind === "step" && <StepView step={entry.step} />}
          {entry.kind === "run" && <RunEnd here={here} id={entry.id} />}
        </section>
      ))}
    </>
  );
}

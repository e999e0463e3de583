// One search: what was found, each with its passage.
import { useState } from "preact/hooks";
import { explain } from "../../access/client";
import { PassageView } from "../../citations/passage";
import { readResults, toPassage, type Passage, type Result } from "../../citations/passages";
import { strings } from "../../strings";
import type { Step } from "../transcript";

interface Props {
  step: Step;
  results: readonly Result[];
}

export function SearchCall({ step, results }: Props) {
  const [passages, setPassages] = useState<Passage[]>([]);
  const [failure, setFailure] = useState<string | null>(null);
  const isRunning = step.status === "in_progress";
  const read = () =>
    readResults(step).then(
      (found) => setPassages(found.map(toPassage)),
      (error: unknown) => setFailure(explain(error)),
    );
  return (
    <section class="search-call" aria-label={strings.search}>
      <details onToggle={(event) => event.currentTarget.open && void read()}>
        <summary>
          {strings.search} <span class="state">{isRunning ? strings.running : strings.found(results.length)}</span>
        </summary>
        {failure && <p class="error">{failure}</p>}
        {passages.map((each, at) => (
          <PassageView key={at} passage={each} claim="" />
        ))}
      </details>
    </section>
  );
}

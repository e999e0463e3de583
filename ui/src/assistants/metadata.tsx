// Up to sixteen names with their values, for whoever reads the assistant by the API.
import { Icon, IconButton } from "../shell/icon";
import { strings } from "../strings";
import { current, edit } from "./assistants";

const MOST_PAIRS = 16;

export function Metadata() {
  const pairs = Object.entries(current.value.metadata ?? {});
  const put = (next: [string, string][]) => edit({ metadata: Object.fromEntries(next) });
  return (
    <fieldset>
      <legend>{strings.metadata}</legend>
      {pairs.map(([name, value], at) => (
        <div key={at} class="row">
          <input
            aria-label={strings.metadataName}
            maxLength={64}
            value={name}
            onChange={(event) => put(pairs.with(at, [event.currentTarget.value, value]))}
          />
          <input
            aria-label={`${strings.metadataValue} ${name}`}
            maxLength={512}
            dir="auto"
            value={value}
            onInput={(event) => put(pairs.with(at, [name, event.currentTarget.value]))}
          />
          <IconButton
            icon="close"
            name={`${strings.removeFile} ${name}`}
            onClick={() => put(pairs.filter((_, index) => index !== at))}
          />
        </div>
      ))}
      {pairs.length < MOST_PAIRS && (
        <button type="button" onClick={() => put([...pairs, [freshName(pairs), ""]])}>
          <Icon name="add" /> {strings.addMetadata}
        </button>
      )}
    </fieldset>
  );
}

function freshName(pairs: [string, string][]): string {
  const names = new Set(pairs.map(([name]) => name));
  let number = 1;
  while (names.has(`name_${number}`)) number += 1;
  return `name_${number}`;
}

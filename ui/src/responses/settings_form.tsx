// Which model answers, and what it may use.
import { useEffect, useState } from "preact/hooks";
import { client, explain } from "../access/client";
import { loadStores, stores } from "../stores/stores";
import { strings } from "../strings";
import { trouble } from "./open_conversation";
import { Functions } from "./functions";
import { settings, type Settings } from "./settings";

export function SettingsForm() {
  const [models, setModels] = useState<string[]>([]);
  useEffect(() => {
    const say = (error: unknown) => (trouble.value = explain(error));
    client.value.models.list().then(({ data }) => setModels(data.map(({ id }) => id)), say);
    void loadStores();
  }, []);
  const change = (changed: Partial<Settings>) => (settings.value = { ...settings.value, ...changed });
  const { model, hasCode, store, functions } = settings.value;
  const [hasFunctions, setFunctions] = useState(false);
  const [isOpen] = useState(() => matchMedia("(min-width: 720px)").matches); // a telephone has no room for it
  const tools = [hasCode && strings.codeInterpreter, store && strings.fileSearch].filter(Boolean);
  return (
    <details class="talk-settings" aria-label={strings.settings} open={isOpen}>
      <summary>{[model, ...tools].join(" · ")}</summary>
      <label>
        {strings.model}
        <input list="models" value={model} onChange={(event) => change({ model: event.currentTarget.value.trim() })} />
        <datalist id="models">
          {models.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      </label>
      <label>
        <input
          type="checkbox"
          checked={hasCode}
          onChange={(event) => change({ hasCode: event.currentTarget.checked })}
        />
        {strings.codeInterpreter}
      </label>
      <label>
        {strings.searchIn}
        <select value={store} onChange={(event) => change({ store: event.currentTarget.value })}>
          <option value="">{strings.noStore}</option>
          {stores.value.map(({ id, name }) => (
            <option key={id} value={id}>
              {name || id}
            </option>
          ))}
        </select>
      </label>
      <button type="button" onClick={() => setFunctions(true)}>
        {strings.functionsOf(functions.length)}
      </button>
      {hasFunctions && <Functions onClose={() => setFunctions(false)} />}
    </details>
  );
}

// A search in one store, and what it finds.
import type OpenAI from "openai";
import { useState } from "preact/hooks";
import { client, explain } from "../access/client";
import { PassageView } from "../citations/passage";
import { strings } from "../strings";

type Result = OpenAI.VectorStoreSearchResponse & { page?: number };

interface Found {
  query: string;
  results: Result[];
}

export function StoreSearch({ id }: { id: string }) {
  const [found, setFound] = useState<Found | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const search = async (query: string) => {
    setBusy(true);
    try {
      setFound({ query, results: (await client.value.vectorStores.search(id, { query })).data });
      setFailure(null);
    } catch (error) {
      setFailure(explain(error));
    }
    setBusy(false);
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const query = String(new FormData(event.currentTarget as HTMLFormElement).get("query") ?? "").trim();
    if (query) void search(query);
  };
  return (
    <search>
      <form class="store-search" onSubmit={submit}>
        <input name="query" type="search" aria-label={strings.searchStore} placeholder={strings.searchStore} dir="auto" />
        <button class="primary" disabled={isBusy}>
          {strings.search}
        </button>
      </form>
      {failure && <p class="error">{failure}</p>}
      {found && (
        <p class="hint" aria-live="polite">
          {strings.found(found.results.length)}
        </p>
      )}
      {found?.results.map(({ filename, page, score, content }, at) => (
        <PassageView
          key={at}
          claim={found.query}
          passage={{ name: filename, page: page ?? null, score, text: content.map(({ text }) => text).join("\n") }}
        />
      ))}
    </search>
  );
}

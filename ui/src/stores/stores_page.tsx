// The vector stores of the project; one of them when it is open.
import { useEffect } from "preact/hooks";
import { sizeOf } from "../render/units";
import { route } from "../route";
import { strings } from "../strings";
import { StoreView } from "./store";
import { createStore, loadStores, store, stores, trouble } from "./stores";

export function Stores() {
  const isOpen = route.value.store !== null;
  useEffect(() => {
    if (!isOpen) void loadStores();
  }, [isOpen]);
  return (
    <main class="stores">
      {trouble.value && (
        <p class="error" role="alert">
          {trouble.value}
        </p>
      )}
      {!isOpen && <StoreList />}
      {isOpen && store.value && <StoreView store={store.value} />}
      {isOpen && !store.value && <a href="#/stores">‹ {strings.stores}</a>}
    </main>
  );
}

function StoreList() {
  return (
    <>
      <h1>{strings.stores}</h1>
      <NewStore />
      <ul class="store-list">
        {stores.value.map(({ id, name, usage_bytes, file_counts: { total, in_progress, failed }, status }) => (
          <li key={id}>
            <a href={`#/stores/${id}`} class="card">
              <strong dir="auto">{name || id}</strong>
              <span class="hint">
                {strings.countFiles(total)} · {sizeOf(usage_bytes)}
                {in_progress > 0 && ` · ${strings.countInProgress(in_progress)}`}
                {failed > 0 && ` · ${strings.countFailed(failed)}`}
                {status === "expired" && ` · ${strings.expired}`}
              </span>
            </a>
          </li>
        ))}
      </ul>
      {!stores.value.length && <p class="hint">{strings.noStores}</p>}
    </>
  );
}

function NewStore() {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const typed = new FormData(form);
    void createStore(String(typed.get("name") ?? "").trim(), Number(typed.get("days")) || null);
    form.reset();
  };
  return (
    <form class="new-store" onSubmit={submit}>
      <label>
        {strings.name}
        <input name="name" required maxLength={256} />
      </label>
      <label>
        {strings.expiresAfter}
        <input name="days" type="number" min={1} max={365} placeholder={strings.never} />
      </label>
      <button class="primary">{strings.createStore}</button>
    </form>
  );
}

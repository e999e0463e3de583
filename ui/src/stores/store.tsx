// One vector store: what it takes, its files with their state, and a search.
import { useEffect, useState } from "preact/hooks";
import { nameOf } from "../chat/files";
import { sizeOf, timeOf } from "../render/units";
import { strings } from "../strings";
import { StoreSearch } from "./store_search";
import { deleteStore, detach, files, upload, uploads, type Store, type StoreFile } from "./stores";

export function StoreView({ store }: { store: Store }) {
  const isExpired = store.status === "expired";
  const add = (chosen: FileList | null | undefined) => void upload(store.id, [...(chosen ?? [])]);
  return (
    <div
      class="store"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        if (!isExpired) add(event.dataTransfer?.files);
      }}
    >
      <a href="#/stores">‹ {strings.stores}</a>
      <h1 dir="auto">{store.name || store.id}</h1>
      <Facts store={store} />
      {!isExpired && <StoreSearch key={store.id} id={store.id} />}
      <h2>{strings.files}</h2>
      {!isExpired && (
        <label class="drop">
          {strings.dropFiles}
          <input type="file" multiple onChange={(event) => add(event.currentTarget.files)} />
        </label>
      )}
      <ul class="store-files">
        {uploads.value.map(({ file, failure }, at) => (
          <li key={at}>
            <span dir="auto">{file.name}</span>
            <span class={failure ? "error" : "hint"}>{failure ?? strings.beingUploaded}</span>
          </li>
        ))}
        {files.value.map((each) => (
          <FileRow key={each.id} file={each} />
        ))}
      </ul>
      {!files.value.length && !uploads.value.length && <p class="hint">{strings.noFiles}</p>}
      <DeleteStore store={store} />
    </div>
  );
}

function Facts({ store }: { store: Store }) {
  const { id, usage_bytes, expires_at, status } = store;
  return (
    <dl class="facts">
      <dt>{strings.id}</dt>
      <dd>
        <code>{id}</code>
      </dd>
      <dt>{strings.size}</dt>
      <dd>{sizeOf(usage_bytes)}</dd>
      <dt>{status === "expired" ? strings.expired : strings.expires}</dt>
      <dd>{expires_at ? timeOf(expires_at) : strings.never}</dd>
    </dl>
  );
}

function FileRow({ file: { id, vector_store_id, status, usage_bytes, last_error } }: { file: StoreFile }) {
  const [name, setName] = useState(id);
  useEffect(() => {
    nameOf(id).then(setName, () => setName(id)); // a file that was deleted has its id only
  }, [id]);
  return (
    <li>
      <span dir="auto">{name}</span>
      <span class={`state ${status}`}>{strings.states[status]}</span>
      {last_error && <span class="error">{last_error.message}</span>}
      {status === "completed" && <span class="hint">{sizeOf(usage_bytes)}</span>}
      <button type="button" aria-label={`${strings.removeFile} ${name}`} onClick={() => void detach(vector_store_id, id)}>
        ×
      </button>
    </li>
  );
}

function DeleteStore({ store: { id } }: { store: Store }) {
  const [isAsking, setAsking] = useState(false);
  if (!isAsking)
    return (
      <button type="button" class="delete" onClick={() => setAsking(true)}>
        {strings.deleteStore}
      </button>
    );
  return (
    <p class="delete">
      {strings.deleteStoreHint}{" "}
      <button type="button" class="error" onClick={() => void deleteStore(id)}>
        {strings.delete}
      </button>{" "}
      <button type="button" onClick={() => setAsking(false)}>
        {strings.keep}
      </button>
    </p>
  );
}

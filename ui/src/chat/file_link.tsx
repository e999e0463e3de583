import type { ComponentChild } from "preact";
import { useEffect, useState } from "preact/hooks";
import { explain } from "../access/client";
import { strings } from "../strings";
import { download, nameOf } from "./files";
import { trouble } from "./open_thread";

/** Saves a file; one that is not there is struck through. */
export function FileLink({ file, children }: { file: string; children?: ComponentChild }) {
  const [name, setName] = useState<string | null>(file);
  useEffect(() => {
    nameOf(file).then(setName, () => setName(null));
  }, [file]);
  if (name === null) return <NoFile>{children ?? file}</NoFile>;
  const save = () => download(file).catch((error: unknown) => (trouble.value = explain(error)));
  return (
    <button type="button" class="file" title={name} onClick={() => void save()}>
      ⤓ {children ?? name}
    </button>
  );
}

/** What names a file that is not there. */
export function NoFile({ children }: { children: ComponentChild }) {
  return (
    <>
      <s>{children}</s> <span class="hint">({strings.noSuchFile})</span>
    </>
  );
}

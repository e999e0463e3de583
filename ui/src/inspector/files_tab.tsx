// Every file of the open thread: what was uploaded, written, pictured; with a look into it.
import { useEffect, useState } from "preact/hooks";
import type OpenAI from "openai";
import { explain } from "../access/client";
import { uploads } from "../access/upload";
import { download, infoOf } from "../chat/files";
import { transcript, trouble } from "../chat/open_thread";
import { sizeOf } from "../render/units";
import { IconButton } from "../shell/icon";
import { strings } from "../strings";
import { Fold } from "./fold";
import { Preview } from "./preview";
import { collectFiles, type ThreadFile } from "./thread_files";

export function FilesTab() {
  const files = collectFiles(transcript.value?.entries.value ?? []);
  if (files.length === 0) return <p class="hint">{strings.noThreadFiles}</p>;
  return (
    <ul class="files">
      {files.map((each) => (
        <FileRow key={each.id} file={each} />
      ))}
    </ul>
  );
}

function FileRow({ file }: { file: ThreadFile }) {
  const [info, setInfo] = useState<OpenAI.FileObject | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    infoOf(file.id).then(setInfo, (error: unknown) => setFailure(explain(error)));
  }, [file.id]);
  const name = info?.filename.split("/").at(-1) ?? file.id;
  const isGiven = !info || info.purpose !== "assistants" || uploads.has(file.id);
  const save = () => download(file.id).catch((error: unknown) => (trouble.value = explain(error)));
  return (
    <li>
      <Fold
        summary={
          <>
            <span class="name" dir="auto">
              {name}
            </span>
            <span class="hint">
              {info && sizeOf(info.bytes)} · {strings.origins[file.origin]}
              {file.run && ` · ${strings.runNumber(runNumber(file.run))}`}
            </span>
          </>
        }
      >
        {() =>
          failure ? (
            <p class="error">{failure}</p>
          ) : isGiven ? (
            info && <Preview file={file.id} name={name} bytes={info.bytes} />
          ) : (
            <p class="hint">{strings.notGivenBack}</p>
          )
        }
      </Fold>
      {isGiven && <IconButton icon="download" name={`${strings.download} ${name}`} onClick={() => void save()} />}
    </li>
  );
}

function runNumber(run: string): number {
  return (transcript.value?.runs.value ?? []).findIndex(({ id }) => id === run) + 1;
}

// A picture that was made: small in the transcript, and as large as one likes.
import { useEffect, useState } from "preact/hooks";
import { explain } from "../access/client";
import { strings } from "../strings";
import { addressOf, download, nameOf } from "./files";
import { trouble } from "./open_thread";
import { Zoom } from "./zoom";

export function Picture({ file }: { file: string }) {
  const [address, setAddress] = useState<string | null>(null);
  const [name, setName] = useState(file);
  const [size, setSize] = useState("");
  const [failure, setFailure] = useState<string | null>(null);
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    const fail = (error: unknown) => setFailure(explain(error));
    addressOf(file).then(setAddress, fail);
    nameOf(file).then(setName, fail);
  }, [file]);
  if (failure) return <p class="error">{failure}</p>;
  const save = () => void download(file).catch((error: unknown) => (trouble.value = explain(error)));
  const measure = ({ naturalWidth, naturalHeight }: HTMLImageElement) => setSize(`${naturalWidth}×${naturalHeight}`);
  return (
    <figure class="picture">
      {address && (
        <button type="button" class="bare" aria-label={strings.enlarge(name)} onClick={() => setOpen(true)}>
          <img
            src={address}
            alt={name}
            onLoad={(event) => measure(event.currentTarget)}
            onError={() => setFailure(strings.noPicture(name))}
          />
        </button>
      )}
      <figcaption>
        {name} <span class="hint">{size}</span>
        <button type="button" class="quiet" onClick={save}>
          {strings.download}
        </button>
      </figcaption>
      {isOpen && address && <Zoom address={address} name={name} onSave={save} onClose={() => setOpen(false)} />}
    </figure>
  );
}

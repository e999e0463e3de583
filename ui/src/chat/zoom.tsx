// One picture on the whole screen: the wheel and + − 0 zoom, a drag moves it, Esc closes.
import { useEffect, useRef, useState } from "preact/hooks";
import { explain } from "../access/client";
import { Icon, type IconName } from "../shell/icon";
import { strings } from "../strings";

const STEP = 1.25;
const SMALLEST = 0.1;
const LARGEST = 20;
const START = { scale: 1, x: 0, y: 0 };

interface Props {
  address: string;
  name: string;
  onSave: () => void;
  onClose: () => void;
}

export function Zoom({ address, name, onSave, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const picture = useRef<HTMLImageElement>(null);
  const [view, setView] = useState(START);
  const [said, setSaid] = useState("");
  useEffect(() => dialog.current?.showModal(), []);
  const zoom = (by: number) =>
    setView((now) => ({ ...now, scale: Math.min(LARGEST, Math.max(SMALLEST, now.scale * by)) }));
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return; // the browser's own zoom
    if (event.key === "+" || event.key === "=") zoom(STEP);
    else if (event.key === "-") zoom(1 / STEP);
    else if (event.key === "0") setView(START);
    event.stopPropagation();
  };
  const copy = () =>
    copyPicture(picture.current!).then(
      () => setSaid(strings.copied),
      (error: unknown) => setSaid(explain(error)),
    );
  return (
    <dialog class="zoom" ref={dialog} aria-label={name} onClose={onClose} onKeyDown={onKeyDown}>
      <div
        class="stage"
        onWheel={(event) => {
          event.preventDefault();
          zoom(event.deltaY < 0 ? STEP : 1 / STEP);
        }}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={(event) => {
          const { movementX, movementY } = event;
          if (event.buttons) setView((now) => ({ ...now, x: now.x + movementX, y: now.y + movementY }));
        }}
      >
        <img
          ref={picture}
          src={address}
          alt={name}
          draggable={false}
          style={{ transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})` }}
        />
      </div>
      <div class="row">
        <button type="button" aria-label={strings.zoomOut} onClick={() => zoom(1 / STEP)}>
          −
        </button>
        <button type="button" aria-label={strings.zoomReset} onClick={() => setView(START)}>
          {Math.round(view.scale * 100)} %
        </button>
        <button type="button" aria-label={strings.zoomIn} onClick={() => zoom(STEP)}>
          +
        </button>
        <Act icon="download" name={strings.download} onClick={onSave} />
        {navigator.clipboard && <Act icon="copy" name={strings.copy} onClick={() => void copy()} />}
        <span role="status">{said}</span>
        <Act icon="close" name={strings.closePicture} onClick={() => dialog.current?.close()} />
      </div>
    </dialog>
  );
}

/** A button that has no room for its word on a telephone. */
function Act({ icon, name, onClick }: { icon: IconName; name: string; onClick: () => void }) {
  return (
    <button type="button" aria-label={name} onClick={onClick}>
      <Icon name={icon} /> <span class="wide">{name}</span>
    </button>
  );
}

/** Browsers take no other pictures than PNG. */
async function copyPicture(picture: HTMLImageElement): Promise<void> {
  const canvas = document.createElement("canvas");
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  canvas.getContext("2d")!.drawImage(picture, 0, 0);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  await navigator.clipboard.write([new ClipboardItem({ "image/png": blob! })]);
}

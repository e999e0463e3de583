// Files that are dragged into the window, wherever in it.
import { useEffect, useState } from "preact/hooks";
import { strings } from "../strings";
import { attach } from "./attachments";

export function DropZone() {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const listening = new AbortController();
    const { signal } = listening;
    const over = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      setOver(true);
    };
    const drop = (event: DragEvent) => {
      setOver(false);
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      attach(event.dataTransfer.files);
    };
    addEventListener("dragover", over, { signal });
    addEventListener("dragleave", (event) => event.relatedTarget || setOver(false), { signal });
    addEventListener("drop", drop, { signal });
    return () => listening.abort();
  }, []);
  return isOver ? <div class="drop-zone"><span>{strings.dropHere}</span></div> : null;
}

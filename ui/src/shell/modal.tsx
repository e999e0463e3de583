// A window over the page: the browser keeps the focus in it and gives it back; Escape and a click beside it close it.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface Props {
  name: string;
  onClose: () => void;
  class?: string;
  children: ComponentChildren;
}

export function Modal({ name, onClose, children, ...rest }: Props) {
  const box = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const opened = box.current!;
    opened.showModal();
    opened.addEventListener("close", onClose);
    return () => {
      opened.removeEventListener("close", onClose); // another window may be open by then
      opened.close(); // which gives the focus back
    };
  }, []);
  return (
    <dialog
      ref={box}
      class={rest.class}
      aria-label={name}
      onClick={(event) => event.target === box.current && onClose()}
    >
      {children}
    </dialog>
  );
}

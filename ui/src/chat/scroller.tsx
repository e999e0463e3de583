// What scrolls: it keeps the newest in sight until the reader scrolls up.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { strings } from "../strings";
import { sent } from "./open_thread";

const NEAR_PX = 40;

interface Props {
  children: ComponentChildren;
  /** Nothing was said yet: what is offered is read from its top. */
  isEmpty?: boolean;
}

export function Scroller({ children, isEmpty = false }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const follows = useRef(!isEmpty);
  const [isAway, setAway] = useState(false);
  const goDown = () => {
    follows.current = true;
    setAway(false);
    if (frame.current) frame.current.scrollTop = frame.current.scrollHeight;
  };
  useEffect(() => {
    if (!isEmpty) goDown();
  }, [sent.value, isEmpty]);
  useEffect(() => {
    const at = frame.current!;
    let before = at.scrollTop;
    const look = () => {
      const isNear = at.scrollHeight - at.scrollTop - at.clientHeight < NEAR_PX;
      if (isNear) follows.current = true;
      else if (at.scrollTop < before) follows.current = false;
      before = at.scrollTop;
      setAway(!isNear && !follows.current);
    };
    const grown = new ResizeObserver(() => {
      if (follows.current) at.scrollTop = at.scrollHeight;
      else look();
    });
    grown.observe(content.current!);
    grown.observe(at);
    at.addEventListener("scroll", look, { passive: true });
    return () => {
      grown.disconnect();
      at.removeEventListener("scroll", look);
    };
  }, []);
  return (
    <div class="scroller">
      <div class="scrolled" ref={frame} tabIndex={0} role="region" aria-label={strings.conversation}>
        <div class="entries" ref={content}>
          {children}
        </div>
      </div>
      {isAway && !isEmpty && (
        <button type="button" class="newest" onClick={goDown}>
          {strings.newest}
        </button>
      )}
    </div>
  );
}

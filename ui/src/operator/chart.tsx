// A chart of stacked bars, one a day, with the names of its parts; what draws it is loaded when the first is shown.
import { useEffect, useRef } from "preact/hooks";
import { theme } from "../shell/theme";
import type { Part } from "./parts";
import type { Bars } from "./plot";

interface Props {
  title: string;
  times: number[];
  parts: Part[];
  format: (value: number) => string;
}

const total = (values: number[]) => values.reduce((sum, value) => sum + value, 0);

export function Chart({ title, times, parts, format }: Props) {
  const figure = useRef<HTMLElement>(null);
  const place = useRef<HTMLDivElement>(null);
  const sums = parts.map((part) => format(total(part.values)));
  useEffect(() => {
    let bars: Bars | null = null;
    let isOver = false;
    void import("./plot").then(({ draw }) => {
      if (isOver || !place.current || !figure.current) return;
      const swatches = [...figure.current.querySelectorAll(".swatch")];
      const colours = swatches.map((swatch) => getComputedStyle(swatch).color);
      bars = draw(place.current, times, parts, colours, format);
    });
    return () => {
      isOver = true;
      bars?.remove();
    };
  }, [times, parts.map((part) => [part.name, ...part.values]).join(), theme.value]);
  return (
    <figure class="chart" ref={figure}>
      <figcaption>
        {title} <strong>{format(total(parts.flatMap((part) => part.values)))}</strong>
      </figcaption>
      <div ref={place} role="img" aria-label={`${title}: ${parts.map((part, at) => `${part.name} ${sums[at]}`).join(", ")}`} />
      <ul class="legend">
        {parts.map((part, at) => (
          <li key={part.name}>
            <span class={`swatch part-${at}`} aria-hidden="true" />
            {part.name} <span class="number">{sums[at]}</span>
          </li>
        ))}
      </ul>
    </figure>
  );
}

// uPlot, in the colours of the page; a chunk of its own.
import uPlot from "uplot";
import type { Part } from "./parts";

export interface Bars {
  remove: () => void;
}

const HEIGHT = 150;
const DAYS = [1, 2, 3, 7, 14].map((count) => count * 86_400);

/** Draws stacked bars into an element, as wide as that is, until they are removed. */
export function draw(
  place: HTMLElement,
  times: number[],
  parts: Part[],
  colours: string[],
  format: (value: number) => string,
): Bars {
  const probe = getComputedStyle(place);
  const axis = { stroke: probe.color, grid: { stroke: probe.borderTopColor, width: 1 }, ticks: { show: false } };
  const bars = { paths: uPlot.paths.bars!({ size: [0.7, 40] }), points: { show: false } };
  // The highest bars are drawn first, so that those below stand before them.
  const heights = parts.map((_, at) => times.map((__, day) => sumUpTo(parts, at, day))).reverse();
  const day = new Intl.DateTimeFormat("en", { month: "short", day: "numeric", timeZone: "UTC" });
  const plot = new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: true, range: [times[0]! - 43_200, times[times.length - 1]! + 43_200] },
        y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] },
      },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map((at) => day.format(at * 1000)), space: 48, incrs: DAYS, size: 28 },
        { ...axis, values: (_, ticks) => ticks.map(format), size: 64 },
      ],
      series: [
        {},
        ...heights.map((_, at) => {
          const colour = colours[parts.length - 1 - at]!;
          return { ...bars, stroke: colour, fill: colour };
        }),
      ],
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
    },
    [times, ...heights],
    place,
  );
  const watcher = new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: HEIGHT }));
  watcher.observe(place);
  return {
    remove: () => {
      watcher.disconnect();
      plot.destroy();
    },
  };
}

/** What a day has of a part and of all below it. */
function sumUpTo(parts: Part[], last: number, day: number): number {
  return parts.slice(0, last + 1).reduce((sum, part) => sum + part.values[day]!, 0);
}

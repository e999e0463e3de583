// A table of text: its head stays, a column sorts it, and it shows its first rows.
import type { ComponentChild } from "preact";
import { useState } from "preact/hooks";
import { strings } from "../strings";

const MOST_ROWS = 200;
const MOST_COLUMNS = 100;

export interface Cell {
  text: string;
  shown: ComponentChild;
}

type Order = { column: number; isDown: boolean } | null;

export function Table({ head, rows }: { head: Cell[]; rows: Cell[][] }) {
  const [order, setOrder] = useState<Order>(null);
  const sort = (column: number) =>
    setOrder(order?.column !== column ? { column, isDown: false } : order.isDown ? null : { column, isDown: true });
  return (
    <figure class="table" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {head.slice(0, MOST_COLUMNS).map((cell, column) => (
              <th key={column} aria-sort={toAria(order, column)}>
                <button type="button" onClick={() => sort(column)}>
                  {cell.shown}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {arrange(rows, order)
            .slice(0, MOST_ROWS)
            .map((row, at) => (
              <tr key={at}>
                {row.slice(0, MOST_COLUMNS).map((cell, column) => (
                  <td key={column} dir="auto">
                    {cell.shown}
                  </td>
                ))}
              </tr>
            ))}
        </tbody>
      </table>
      {rows.length > MOST_ROWS && <figcaption>{strings.rowsOf(MOST_ROWS, rows.length)}</figcaption>}
    </figure>
  );
}

function toAria(order: Order, column: number): "ascending" | "descending" | "none" {
  if (order?.column !== column) return "none";
  return order.isDown ? "descending" : "ascending";
}

function arrange(rows: Cell[][], order: Order): Cell[][] {
  if (!order) return rows;
  const text = (row: Cell[]) => row[order.column]?.text ?? "";
  const sorted = rows.toSorted((one, other) => compare(text(one), text(other)));
  return order.isDown ? sorted.reverse() : sorted;
}

/** Numbers by their value, also with a currency, a percent sign or commas; everything else by its letters. */
function compare(one: string, other: string): number {
  const [first, second] = [toNumber(one), toNumber(other)];
  return first !== null && second !== null ? first - second : one.localeCompare(other, undefined, { numeric: true });
}

function toNumber(text: string): number | null {
  const found = text.replace(/[\s,$€£¥%]/g, "");
  return found && Number.isFinite(Number(found)) ? Number(found) : null;
}

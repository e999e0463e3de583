// A table with names for its columns, or a word that there is nothing.
import type { ComponentChildren } from "preact";

export interface Column<T> {
  name: string;
  cell: (row: T) => ComponentChildren;
  isNumber?: boolean;
}

interface Props<T> {
  title: string;
  rows: T[];
  columns: Column<T>[];
  empty: string;
  rowKey: (row: T) => string;
  children?: ComponentChildren;
}

export function Section<T>({ title, rows, columns, empty, rowKey, children }: Props<T>) {
  return (
    <section aria-label={title}>
      <header>
        <h2>
          {title} <span class="count">{rows.length}</span>
        </h2>
        {children}
      </header>
      {rows.length === 0 ? <p class="hint">{empty}</p> : <Table {...{ title, rows, columns, rowKey }} />}
    </section>
  );
}

export function Table<T>({ title, rows, columns, rowKey }: Pick<Props<T>, "title" | "rows" | "columns" | "rowKey">) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={title}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.name} scope="col" class={column.isNumber ? "number" : undefined}>
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)}>
              {columns.map((column) => (
                <td key={column.name} class={column.isNumber ? "number" : undefined}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

// Three questions that run at once, on a small table.
import { useState } from "preact/hooks";
import { client, explain } from "../access/client";
import { strings } from "../strings";
import type { Attached } from "./open_thread";
import sales from "./sales.csv";

const SALES = new File([sales], "sales.csv", { type: "text/csv" });
const EXAMPLES: [title: string, question: string, files: File[]][] = [
  ["Chart the revenue", "Plot the revenue by month of sales.csv as a line chart.", [SALES]],
  ["Clean and save", "Remove the incomplete rows of sales.csv and save the rest as an Excel file.", [SALES]],
  ["Solve an equation", "Solve x^3 - 6x^2 + 11x - 6 = 0 with SymPy and check the solutions.", []],
];

interface Props {
  ask: (text: string, files: Attached[]) => Promise<void>;
  /** Says what stood in the way. */
  fail: (why: string) => void;
}

export function Examples({ ask, fail }: Props) {
  const [hasBegun, setBegun] = useState(false);
  const begin = async (question: string, files: File[]) => {
    setBegun(true); // a second press begins no second thread
    try {
      const made = files.map((file) => client.value.files.create({ file, purpose: "assistants" }));
      await ask(question, (await Promise.all(made)).map(({ id, filename }) => ({ id, name: filename })));
    } catch (error) {
      fail(explain(error));
    }
    setBegun(false);
  };
  return (
    <section class="examples">
      <p>{strings.examples}</p>
      {EXAMPLES.map(([title, question, files]) => (
        <button key={title} class="card" disabled={hasBegun} onClick={() => void begin(question, files)}>
          <strong>{title}</strong>
          <span>{question}</span>
        </button>
      ))}
    </section>
  );
}

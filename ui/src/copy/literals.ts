// Values as they are written in Python, in JavaScript, and as JSON for a shell.

/** An expression that stands in a value, such as `files[0].id`. */
export class Expression {
  constructor(readonly python: string, readonly javascript: string, readonly shell: string) {}
}

export type Language = "python" | "javascript";

const INDENT = { python: "    ", javascript: "  " };
const WORDS: Record<Language, Record<string, string>> = {
  python: { true: "True", false: "False", null: "None" },
  javascript: {},
};

/** Writes a value; one that is long goes over several lines. */
export function write(value: unknown, language: Language, depth = 0): string {
  if (value instanceof Expression) return value[language];
  if (typeof value !== "object" || value === null) return writePlain(value, language);
  const isList = Array.isArray(value);
  const parts = isList
    ? value.map((each) => write(each, language, depth + 1))
    : Object.entries(value).map(([name, each]) => `${writeName(name, language)}: ${write(each, language, depth + 1)}`);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  const short = !isList && language === "javascript" && parts.length ? `{ ${parts.join(", ")} }` : `${open}${parts.join(", ")}${close}`;
  if (short.length + depth * INDENT[language].length <= 80 && !short.includes("\n")) return short;
  return `${open}\n${indentAll(parts, language, depth + 1)}\n${INDENT[language].repeat(depth)}${close}`;
}

/** Writes arguments by their names, one on a line: `a=1,`, or the members of an object. */
export function writeArguments(values: object, language: Language): string {
  const equals = language === "python" ? "=" : ": ";
  const parts = Object.entries(values).map(([name, each]) => `${name}${equals}${write(each, language, 1)}`);
  return indentAll(parts, language, 1);
}

/** Writes JSON in single quotes for a shell, where expressions are variables. */
export function writeShell(value: unknown): string {
  const names = new Map<string, string>();
  const json = JSON.stringify(
    value,
    (_, each: unknown) => {
      if (!(each instanceof Expression)) return each;
      const mark = `\u0000${names.size}\u0000`;
      names.set(JSON.stringify(mark).slice(1, -1), each.shell);
      return mark;
    },
    2,
  ).replaceAll("'", "'\\''");
  return `'${[...names].reduce((text, [mark, name]) => text.replace(mark, () => `'"$${name}"'`), json)}'`;
}

function writePlain(value: unknown, language: Language): string {
  const json = JSON.stringify(value ?? null);
  return WORDS[language][json] ?? json;
}

function writeName(name: string, language: Language): string {
  return language === "javascript" && /^[a-z_]\w*$/i.test(name) ? name : JSON.stringify(name);
}

function indentAll(parts: string[], language: Language, depth: number): string {
  return parts.map((each) => `${INDENT[language].repeat(depth)}${each},`).join("\n");
}

// Whether a text is a JSON schema, as far as a person who types one is helped by it.
import { strings } from "../strings";

export type Schema = Record<string, unknown>;
export interface Checked {
  schema: Schema | null;
  /** What is wrong, in words. */
  fault: string | null;
}

const TYPES = new Set(["array", "boolean", "integer", "null", "number", "object", "string"]);

/** Reads the schema of a function's parameters, which are an object. */
export function checkSchema(text: string): Checked {
  const { value, fault } = parse(text);
  if (fault) return { schema: null, fault };
  if (!isObject(value) || value["type"] !== "object") return { schema: null, fault: strings.schemaNoObject };
  const wrong = findFault(value, "");
  return { schema: wrong ? null : value, fault: wrong };
}

/** Reads any JSON object. */
export function checkObject(text: string): Checked {
  const { value, fault } = parse(text);
  if (fault) return { schema: null, fault };
  return isObject(value) ? { schema: value, fault: null } : { schema: null, fault: strings.noObject };
}

function parse(text: string): { value?: unknown; fault: string | null } {
  try {
    return { value: JSON.parse(text) as unknown, fault: null };
  } catch (error) {
    return { fault: `${strings.noJsonYet} ${(error as Error).message}` };
  }
}

function findFault(schema: Schema, path: string): string | null {
  const { type, properties, required, items } = schema;
  for (const each of [type].flat())
    if (each !== undefined && !TYPES.has(each as string)) return strings.schemaType(path || "/", String(each));
  if (properties !== undefined && !isObject(properties)) return strings.schemaProperties(path || "/");
  const names = new Set(Object.keys(properties ?? {}));
  if (required !== undefined && !Array.isArray(required)) return strings.schemaRequired(path || "/");
  const unknown = ((required as unknown[] | undefined) ?? []).find((name) => !names.has(name as string));
  if (unknown !== undefined) return strings.schemaUnknown(path || "/", String(unknown));
  for (const [name, inner] of Object.entries(properties ?? {})) {
    if (!isObject(inner)) return strings.schemaProperties(`${path}/${name}`);
    const fault = findFault(inner, `${path}/${name}`);
    if (fault) return fault;
  }
  return isObject(items) ? findFault(items, `${path}/items`) : null;
}

function isObject(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

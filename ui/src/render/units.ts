// Sizes and times as people read them.
const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** A number of bytes with three digits and its unit; 1 KB is 1,024 bytes. */
export function sizeOf(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power && value < 100 ? value.toPrecision(value < 10 ? 2 : 3) : Math.round(value)} ${UNITS[power]}`;
}

/** A moment, given in seconds, in the words of the reader's place. */
export function timeOf(seconds: number): string {
  return new Date(1000 * seconds).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

// Numbers as an operator reads them.

/** Such as `91 MiB`. */
export function bytes(count: number | null): string {
  if (count === null) return "–";
  let value = count;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (value < 1024) return `${value < 10 && unit !== "B" ? value.toFixed(1) : Math.round(value)} ${unit}`;
    value /= 1024;
  }
  return `${value.toFixed(1)} TiB`;
}

/** Such as `41 s`, `3:10` or `1:02:30`. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (!parts[0]) parts.shift();
  return parts.map((part, at) => (at ? String(part).padStart(2, "0") : String(part))).join(":");
}

export function dollars(amount: number): string {
  return `$${amount.toFixed(2)}`;
}

export function whole(count: number): string {
  return count.toLocaleString("en");
}

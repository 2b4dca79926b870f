const UNITS = { s: 1000, m: 60_000, h: 3_600_000 } as const;
export type TimeUnit = keyof typeof UNITS;

/** Reads `30`, `30s`, `1.5m`, `2h` as milliseconds; a bare number is in the given unit. Undefined when it is none. */
export function parseDuration(text: string, unit: TimeUnit): number | undefined {
  const [, number, suffix = unit] = /^(\d+(?:\.\d+)?)\s*([smh])?$/i.exec(text) ?? [];
  return number === undefined ? undefined : Math.round(Number(number) * UNITS[suffix.toLowerCase() as TimeUnit]);
}

/**
 * A time in the form of toISOString, for the years 0 to 9999. V8's own function also loads the time zones of ICU, which are not needed
 * here, and the daemon would keep that megabyte in memory.
 */
export function isoTime(time: Date): string {
  const date = [digits(time.getUTCFullYear(), 4), digits(time.getUTCMonth() + 1), digits(time.getUTCDate())].join('-');
  const clock = [time.getUTCHours(), time.getUTCMinutes(), time.getUTCSeconds()].map((part) => digits(part)).join(':');
  return `${date}T${clock}.${digits(time.getUTCMilliseconds(), 3)}Z`;
}

function digits(value: number, count = 2): string {
  return String(value).padStart(count, '0');
}

/** Whether a value is a text in the form of isoTime. */
export function isTimeText(value: unknown): value is string {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) && !Number.isNaN(Date.parse(value));
}

/** A duration in the unit that a person would use. @param milliseconds its length */
export function describeAge(milliseconds: number): string {
  const minutes = Math.max(0, Math.round(milliseconds / 60_000));
  if (minutes < 2) return `${Math.max(0, Math.round(milliseconds / 1000))} seconds`;
  if (minutes < 120) return `${minutes} minutes`;
  return minutes < 2880 ? `${Math.round(minutes / 60)} hours` : `${Math.round(minutes / 1440)} days`;
}

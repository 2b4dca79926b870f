/** A time span in the unit that a person would use. @param milliseconds its length */
export function describeAge(milliseconds: number): string {
  const minutes = Math.max(0, Math.round(milliseconds / 60_000));
  if (minutes < 2) return `${Math.max(0, Math.round(milliseconds / 1000))} seconds`;
  if (minutes < 120) return `${minutes} minutes`;
  return minutes < 2880 ? `${Math.round(minutes / 60)} hours` : `${Math.round(minutes / 1440)} days`;
}

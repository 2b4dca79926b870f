import { editDistance } from './edit-distance.ts';

/** The known name that a mistyped one is at most two strokes away from, and less than half of its length. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const most = Math.min(2, Math.floor((name.length - 1) / 2));
  return known
    .map((candidate) => ({ candidate, strokes: editDistance(name, candidate) }))
    .filter(({ strokes }) => strokes <= most)
    .sort((one, other) => one.strokes - other.strokes)[0]?.candidate;
}

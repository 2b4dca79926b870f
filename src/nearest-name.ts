import { editDistance } from './edit-distance.ts';

/**
 * The known name that a mistyped one may stand for: the same in another case, or at most two strokes away, and less than half of its
 * length.
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const same = known.find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  if (same !== undefined) return same;
  const most = Math.min(2, Math.floor((name.length - 1) / 2));
  return known
    .filter((candidate) => Math.abs(candidate.length - name.length) <= most)
    .map((candidate) => ({ candidate, strokes: editDistance(name, candidate) }))
    .filter(({ strokes }) => strokes <= most)
    .sort((one, other) => one.strokes - other.strokes)[0]?.candidate;
}

/** What to say of a name that is not among the known ones. @param otherwise before the list of these, where none is near */
export function suggestName(name: string, known: readonly string[], otherwise = 'known'): string {
  const near = nearestName(name, known);
  return near === undefined ? `${otherwise}: ${known.join(', ') || 'none'}` : `did you mean ${near}?`;
}

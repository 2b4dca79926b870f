/** Suggestions for mistyped names. */

/** The number of insertions, deletions, replacements, and swaps of neighbours that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwap = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          at(i - 1, j) + 1,
          at(i, j - 1) + 1,
          at(i - 1, j - 1) + (isSame ? 0 : 1),
          isSwap ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
  }
  return at(a.length, b.length);
}

/**
 * The known names that may be meant by a mistyped one, ignoring case, nearest first: at most two edits away, and fewer than half of
 * the characters.
 */
function nearestNames(name: string, known: readonly string[]): readonly string[] {
  const most = name.length > 4 ? 2 : 1;
  const plain = name.toLowerCase();
  return known
    .filter((candidate) => Math.abs(candidate.length - name.length) <= most)
    .map((candidate) => ({ candidate, edits: editDistance(plain, candidate.toLowerCase()) }))
    .filter(({ candidate, edits }) => edits <= most && 2 * edits < Math.max(name.length, candidate.length))
    .sort((one, other) => one.edits - other.edits)
    .map(({ candidate }) => candidate);
}

/** The nearest of these names. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  return nearestNames(name, known)[0];
}

/** How many services are suggested. */
const MOST_SERVICES = 3;

/**
 * The services that may be meant by a mistyped name. An instance `name@instance` is compared by the name of its template.
 * @param wanted as in the metadata, maybe with `.service` or as the path of an init script
 * @param names without `.service`
 * @returns at most three, the nearest first, then by name
 */
export function nearestServices(wanted: string, names: readonly string[]): readonly string[] {
  const [, stem = '', instance] = /^([^@]*)(@.*)?$/.exec(wanted.replace(/^.*\/|\.service$/g, '')) ?? [];
  const alike = names.filter((name) => name.includes('@') === (instance !== undefined));
  const stems = new Set(alike.map((name) => name.replace(/@.*$/, '')));
  return nearestNames(stem, [...stems].sort())
    .slice(0, MOST_SERVICES)
    .map((name) => `${name}${instance ?? ''}`);
}

/** The hint for an unknown name. @param otherwise the word before the list of known names, when none is near */
export function suggestName(name: string, known: readonly string[], otherwise = 'known'): string {
  const near = nearestName(name, known);
  return near === undefined ? `${otherwise}: ${known.join(', ') || 'none'}` : `did you mean ${near}?`;
}

const MOST_NAMES = 3;

/**
 * The names that a misspelt one may stand for, nearest first: at most two edits away (one for names of up to four
 * letters). An instance `name@instance` is compared by its template's name.
 * @param wanted as in the metadata, maybe with `.service` or as the path of an init script
 * @param names without `.service`
 * @returns at most three
 */
export function nearestNames(wanted: string, names: readonly string[]): readonly string[] {
  const [, stem = '', instance = ''] = /^([^@]*)(@.*)?$/.exec(wanted.replace(/^.*\/|\.service$/g, '')) ?? [];
  const limit = stem.length > 4 ? 2 : 1;
  return [...new Set(names)]
    .filter((name) => name.includes('@') === (instance !== ''))
    .map((name) => ({ name, edits: editDistance(stem.toLowerCase(), (name.split('@')[0] ?? '').toLowerCase()) }))
    .filter(({ edits }) => edits <= limit)
    .sort((a, b) => a.edits - b.edits || (a.name < b.name ? -1 : 1))
    .slice(0, MOST_NAMES)
    .map(({ name }) => (instance === '' ? name : `${name.split('@')[0]}${instance}`));
}

/** Insertions, deletions, replacements, and swaps of neighbours that make `a` into `b`. */
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

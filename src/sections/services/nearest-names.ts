import { editDistance } from '../../edit-distance.ts';

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

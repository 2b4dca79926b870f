import { INIT_KEY, SETS_KEY } from './config-sets.ts';

/** Characters of a name that are shown: that of a file may have 4,096. */
const LONGEST = 400;
/** Sections whose entries stand under the name of a manager. */
const MANAGED = new Set(['packages', 'services']);

/**
 * A place in a metadata document in words, as in `files "/etc/motd", mode`. The config is named unless it is the one that is
 * applied by default, `config`.
 * @param pointer JSON pointer from the document's root
 * @returns empty for the document itself
 */
export function placeOf(pointer: string): string {
  const [top, ...path] = pointer.split('/').slice(1).map(unescaped);
  if (top === undefined) return '';
  if (top !== INIT_KEY || path.length === 0) return [top, ...entryIn(path)].join(' ');
  const [config = '', section, ...rest] = path;
  if (config === SETS_KEY) return ['configSets', ...entryIn(path.slice(1))].join(' ');
  const named = config === 'config' && section !== undefined ? '' : `config ${quoted(config)}`;
  const managed = section !== undefined && MANAGED.has(section) ? rest.splice(0, 1) : [];
  const entry = [section, ...managed, ...entryIn(rest)].filter((part) => part !== undefined).join(' ');
  return [named, entry].filter((part) => part !== '').join(', ');
}

/** The name of an entry, and the keys below it. */
function entryIn([name, ...keys]: readonly string[]): string[] {
  if (name === undefined) return [];
  const below = keys.map((key) => `, ${/^\d+$/.test(key) ? `item ${Number(key) + 1}` : shown(key)}`);
  return [`${quoted(name)}${below.join('')}`];
}

function shown(key: string): string {
  return /^[A-Za-z]\w*$/.test(key) ? key : quoted(key);
}

function quoted(name: string): string {
  return JSON.stringify(name.length > LONGEST ? `${name.slice(0, LONGEST)}...` : name);
}

function unescaped(key: string): string {
  return key.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** The keys of a metadata document, places in it, and what is found there. */

export const INIT_KEY = 'AWS::CloudFormation::Init';
export const SETS_KEY = 'configSets';
export const AUTHENTICATION_KEY = 'AWS::CloudFormation::Authentication';

/** Characters of a name that are shown: the name of a file may have 4,096. */
const LONGEST_NAME = 400;
/** Sections with a level for managers between the section and its entries. */
const MANAGED: ReadonlySet<string | undefined> = new Set(['packages', 'services']);

/** Something the author of a document should know. An error keeps the document from being applied. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  /** JSON pointer to the value in the document, for programs; people read placeInWords of it. */
  readonly pointer: string;
  readonly what: string;
  readonly hint?: string;
}

/** Whether a finding keeps the document from being applied. */
export function isError(finding: Finding): boolean {
  return finding.severity === 'error';
}

/** `what: where in words: what next`, without the command's name. */
export function findingLine({ what, pointer, hint }: Finding): string {
  return [what, placeInWords(pointer), hint].filter((part) => part !== undefined && part !== '').join(': ');
}

/** The warning about a key that nobody reads. */
export function unknownKey(key: string, pointer: string, hint: string): Finding {
  return { severity: 'warning', what: `unknown key ${JSON.stringify(key)} is ignored`, pointer, hint };
}

/** A JSON pointer (RFC 6901) from the keys that lead to a value. */
export function pointerOf(path: readonly (string | number)[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/**
 * A place in a metadata document in words, as in `files "/etc/motd", mode`. The config is named unless it is the one that is
 * applied by default, `config`.
 * @param pointer JSON pointer from the document's root
 * @returns empty for the document itself
 */
export function placeInWords(pointer: string): string {
  const [top, ...path] = pointer.split('/').slice(1).map(unescapeKey);
  if (top === undefined) return '';
  if (top !== INIT_KEY || path.length === 0) return [top, ...entryInWords(path)].join(' ');
  const [config = '', section, ...rest] = path;
  if (config === SETS_KEY) return [SETS_KEY, ...entryInWords(path.slice(1))].join(' ');
  const named = config === 'config' && section !== undefined ? '' : `config ${quoteName(config)}`;
  const manager = MANAGED.has(section) ? rest.splice(0, 1) : [];
  const entry = [section, ...manager, ...entryInWords(rest)].filter((part) => part !== undefined).join(' ');
  return [named, entry].filter((part) => part !== '').join(', ');
}

/** The name of an entry, and the keys below it. */
function entryInWords([name, ...keys]: readonly string[]): string[] {
  if (name === undefined) return [];
  const below = keys.map((key) => `, ${keyInWords(key)}`);
  return [`${quoteName(name)}${below.join('')}`];
}

function keyInWords(key: string): string {
  if (/^\d+$/.test(key)) return `item ${Number(key) + 1}`;
  return /^[A-Za-z]\w*$/.test(key) ? key : quoteName(key);
}

function quoteName(name: string): string {
  return JSON.stringify(name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}...` : name);
}

function unescapeKey(key: string): string {
  return key.replaceAll('~1', '/').replaceAll('~0', '~');
}

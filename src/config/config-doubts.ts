import { isRecord, repeatedKeys } from '../json.ts';
import { nearestName, suggestName } from '../nearest-name.ts';
import { AUTHENTICATION_KEY, type Finding, INIT_KEY, pointerOf, SETS_KEY, unknownKey } from './findings.ts';
import { isSection, reservedNames, unknownKeys } from './schema.ts';
import { unresolvedError, unresolvedHint, unresolvedIn, unresolvedInContent } from './unresolved.ts';

/**
 * What is odd about a config apart from the form of its values: keys that are ignored, names that JavaScript reserves, functions
 * of templates that were not resolved.
 * @param name of the config
 */
export function doubtsAbout(name: string, value: Readonly<Record<string, unknown>>): Finding[] {
  const at = (...path: readonly string[]): string => pointerOf([INIT_KEY, name, ...path]);
  const findings: Finding[] = [];
  const functions = unresolvedIn(value);
  const places = new Set(functions.map(({ path }) => at(...path)));
  for (const { path, known } of unknownKeys(value)) {
    if (liesWithin(at(...path), places)) continue;
    const key = path[path.length - 1] ?? '';
    findings.push(unknownKey(key, at(...path), suggestName(key, known)));
  }
  for (const path of reservedNames(value))
    findings.push({
      severity: 'error',
      what: 'a name that cannot be used here',
      pointer: at(...path),
      hint: 'choose another',
    });
  for (const { path, name: called } of functions) findings.push(unresolvedError(called, at(...path)));
  for (const [path, file] of Object.entries(isRecord(value['files']) ? value['files'] : {})) {
    const found = isRecord(file) ? unresolvedInContent(file['content']) : undefined;
    if (found !== undefined)
      findings.push({
        severity: 'warning',
        what: `${found.name} was not resolved, and is written to the file as JSON`,
        pointer: at('files', path, 'content', ...found.path),
        hint: unresolvedHint(found.name),
      });
  }
  return findings;
}

/** Findings without those that follow from an earlier one: whatever is wrong within a function that was not resolved. */
export function withoutConsequences(doubts: readonly Finding[], findings: readonly Finding[]): readonly Finding[] {
  const reported = new Set(doubts.filter(({ severity }) => severity === 'error').map(({ pointer }) => pointer));
  return findings.filter(({ pointer }) => !liesWithin(pointer, reported));
}

/** Whether a place is one of these, or within one. */
function liesWithin(pointer: string, places: ReadonlySet<string>): boolean {
  for (let end = pointer.length; end > 0; end = pointer.lastIndexOf('/', end - 1))
    if (places.has(pointer.slice(0, end))) return true;
  return false;
}

/** Says what a document is instead of an object. */
export function describeKind(value: unknown): string {
  const kind = Array.isArray(value) ? 'it is a list; ' : typeof value === 'string' ? 'it is a text in quotes; ' : '';
  return `${kind}it must be an object that holds ${INIT_KEY}`;
}

/** Says where the Init is when it is not at the top of the document: in a template, or one level deeper. */
export function guessPlaceOfInit(value: Record<string, unknown>): string {
  const resources = value['Resources'] ?? value['resources'];
  if (isRecord(resources)) {
    const names = Object.keys(resources).filter((name) => pathToInit(resources[name]) !== undefined);
    return `this is a whole template: give the metadata of one of its resources${names.length === 0 ? '' : `: ${shownNames(names)}`}`;
  }
  const path = pathToInit(value);
  if (path !== undefined)
    return `it is below ${path.map((key) => JSON.stringify(key)).join(', ')}: give the value of that key`;
  if (value['config'] !== undefined || value['configSets'] !== undefined)
    return `this is what belongs below it: write { "${INIT_KEY}": { ... } } around it`;
  const keys = Object.keys(value);
  const near = keys.find((key) => nearestName(key, [INIT_KEY]) !== undefined);
  if (near !== undefined) return `${JSON.stringify(near)} is misspelled: write ${INIT_KEY}`;
  if (keys.some(isSection))
    return `these are the sections of a config: write { "${INIT_KEY}": { "config": { ... } } } around them`;
  return keys.length === 0 ? 'it is empty' : `it has: ${shownNames(keys)}`;
}

function shownNames(names: readonly string[]): string {
  return names.slice(0, 8).join(', ');
}

/** Levels of answers and templates around the metadata of a resource. */
const DEEPEST = 5;

/** The keys that lead to the object with the Init, the nearest first. */
function pathToInit(value: unknown): readonly string[] | undefined {
  let level = [{ value, path: [] as readonly string[] }];
  for (let depth = 0; depth <= DEEPEST; depth++) {
    const found = level.find((one) => isRecord(one.value) && Object.hasOwn(one.value, INIT_KEY));
    if (found !== undefined) return found.path;
    level = level.flatMap(({ value: outer, path }) =>
      isRecord(outer) ? Object.entries(outer).map(([key, child]) => ({ value: child, path: [...path, key] })) : [],
    );
  }
  return undefined;
}

/**
 * Misspelled keys at the top of the document and of the Init, which are ignored.
 * @param selected configs, which may have any name
 */
export function doubtsAboutNames(value: Readonly<Record<string, unknown>>, selected: readonly string[]): Finding[] {
  const configs = new Set(selected);
  const misspelled = (keys: object, known: string, ...path: readonly string[]): Finding[] =>
    Object.hasOwn(keys, known)
      ? []
      : Object.keys(keys)
          .filter((key) => !configs.has(key) && nearestName(key, [known]) !== undefined)
          .map((key) => unknownKey(key, pointerOf([...path, key]), suggestName(key, [known])));
  const init = value[INIT_KEY];
  return [...misspelled(value, AUTHENTICATION_KEY), ...(isRecord(init) ? misspelled(init, SETS_KEY, INIT_KEY) : [])];
}

/** Keys of the selected configs that occur twice. The content of a file is written unchanged, so its keys are not checked. */
export function doubtsAboutKeys(text: string, selected: readonly string[]): Finding[] {
  return repeatedKeys(text).flatMap(({ path, lines: [first, again] }): Finding[] => {
    const [top, config = '', section, , part] = path;
    const isRead = top === INIT_KEY && (path.length < 3 || selected.includes(config));
    if (!isRead || (section === 'files' && part === 'content' && path.length > 5)) return [];
    const where = first === again ? `both on line ${first}` : `on line ${first} and on line ${again}`;
    return [
      {
        severity: 'warning',
        what: `${JSON.stringify(path[path.length - 1])} occurs twice, ${where}`,
        pointer: pointerOf(path),
        hint: 'the second one counts',
      },
    ];
  });
}

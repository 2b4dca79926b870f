import { isRecord } from '../json.ts';
import type { Finding } from './findings.ts';

/** A function of a template that was not resolved: its path below the config, and its name. */
export interface Unresolved {
  readonly path: readonly string[];
  readonly name: string;
}

/** Source: Heat's template guide, "Intrinsic functions", all versions. */
const OF_HOT = new Set([
  ...['get_attr', 'get_file', 'get_param', 'get_resource', 'list_join', 'digest', 'repeat', 'resource_facade'],
  ...['str_replace', 'str_replace_strict', 'str_replace_vstrict', 'str_split', 'map_merge', 'map_replace', 'yaql'],
  ...['equals', 'if', 'not', 'and', 'or', 'filter', 'make_url', 'list_concat', 'list_concat_unique', 'contains'],
]);

/**
 * What the keys of an object are: chosen by the author (`free`), within such an object (`deep`), names of entries, or keys of the
 * schema (`known`).
 */
type Keys = 'free' | 'deep' | 'names' | 'known';

/** Keys of entries whose values have names of the author's choice, which may be those of Heat's functions. */
const FREE_KEYS = new Set(['env', 'context']);

/**
 * The functions of templates in a config, where text, numbers and lists belong. Heat resolves its own functions; those that are
 * left come from a template of another kind, or were never in a template.
 * @param config as it is in the document
 */
export function unresolvedIn(config: Readonly<Record<string, unknown>>): readonly Unresolved[] {
  const found: Unresolved[] = [];
  const look = (value: unknown, path: readonly string[], keys: Keys): void => {
    const name = functionIn(value, keys);
    if (name !== undefined) found.push({ path, name });
    else if (Array.isArray(value))
      for (const [index, item] of value.entries())
        look(item, [...path, String(index)], keysAt([...path, String(index)]));
    else if (isRecord(value))
      for (const [key, child] of Object.entries(value)) {
        const inner = [...path, key];
        if (!isContent(inner)) look(child, inner, keysAt(inner));
      }
  };
  look(config, [], 'known');
  return found;
}

/** The function that a value is instead of text. */
export function unresolved(value: unknown): string | undefined {
  return functionIn(value, 'known');
}

/**
 * The first function in the content of a file that is written as JSON. Within an object, `if` and `filter` are ordinary names, and
 * a content that is a template itself is expected to have functions.
 */
export function unresolvedInContent(content: unknown): Unresolved | undefined {
  const whole = unresolved(content);
  if (whole !== undefined) return { path: [], name: whole };
  if (!isRecord(content) || content['Resources'] !== undefined || content['resources'] !== undefined) return undefined;
  const rest: { readonly value: unknown; readonly path: readonly string[] }[] = [{ value: content, path: [] }];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const { value, path } = next;
    const name = unresolved(value);
    if (name !== undefined && /^Ref$|::|_/.test(name)) return { path, name };
    if (typeof value !== 'object' || value === null) continue;
    const children = Object.entries(value).map(([key, child]) => ({ value: child as unknown, path: [...path, key] }));
    // One by one: as arguments of one call, a hundred thousand would overflow the stack.
    for (const child of children.reverse()) rest.push(child);
  }
  return undefined;
}

/** The error about a function instead of a value. @param pointer to its place */
export function unresolvedError(name: string, pointer: string): Finding {
  return { severity: 'error', what: `${name} was not resolved`, pointer, hint: unresolvedHint(name) };
}

/** What to do about a function that was not resolved. */
export function unresolvedHint(name: string): string {
  if (name === 'Fn::Sub') return 'heat does not know it: use Fn::Join, or str_replace in a HOT template';
  if (name.startsWith('Fn::Import') || name === 'Fn::Transform' || name === 'Fn::Cidr')
    return 'heat does not know it: give the value as a parameter';
  return 'heat resolves it within a template, and so does CloudFormation: give the metadata of a stack, not of a template';
}

function isContent(path: readonly string[]): boolean {
  return path.length === 3 && path[0] === 'files' && path[2] === 'content';
}

/** What the keys of the object at a path are. Packages and services are one level deeper, below their managers. */
function keysAt(path: readonly string[]): Keys {
  const [section] = path;
  const key = path.at(-1) ?? '';
  if (path.length === 1 || (path.length === 2 && (section === 'packages' || section === 'services'))) return 'names';
  if (section === 'services') return path.length === 4 && key === 'packages' ? 'names' : 'known';
  if (path.length === 3) return FREE_KEYS.has(key) ? 'free' : 'known';
  return path[2] === 'context' ? 'deep' : 'known';
}

function functionIn(value: unknown, keys: Keys): string | undefined {
  if (!isRecord(value)) return undefined;
  const [name, ...others] = Object.keys(value);
  if (name === undefined || others.length > 0) return undefined;
  if (/^Fn::[A-Z]/.test(name)) return name;
  const isTelling = /^Ref$|_/.test(name);
  const mayBeName =
    keys === 'free' || (keys === 'names' && !isArgument(value[name])) || (keys !== 'known' && !isTelling);
  return !mayBeName && (name === 'Ref' || OF_HOT.has(name)) ? name : undefined;
}

/** Whether a value may be the argument of a function. No entry has such a value. */
function isArgument(value: unknown): boolean {
  return typeof value === 'string' ? value.trim() !== '' : Array.isArray(value) && value.length > 0;
}

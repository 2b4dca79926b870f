/** A value as written: lines joined by newlines, `%` not resolved yet. */
export interface Setting {
  readonly raw: string;
  readonly line: number;
}

export interface IniSection {
  readonly line: number;
  /** By key, in lower case. */
  readonly settings: ReadonlyMap<string, Setting>;
}

/** A fault for which Python's configparser rejects the whole file. */
export interface Fault {
  /** Undefined when it concerns the whole file. */
  readonly line: number | undefined;
  readonly what: string;
}

export interface PythonIni {
  /** In the order of the file, without [DEFAULT]. */
  readonly sections: ReadonlyMap<string, IniSection>;
  /** The settings of [DEFAULT], which apply to every section. */
  readonly defaults: ReadonlyMap<string, Setting>;
  /** Python reads nothing from a file with a fault. The settings that could be read are here anyway. */
  readonly faults: readonly Fault[];
}

export type Resolved = { readonly value: string } | { readonly fault: string };

/** The fault of a file whose first line is neither blank nor a section. */
export const NO_SECTION = 'text before the first section';

/** The blanks of Python's str.strip() and `\s`. Those of JavaScript differ: they include U+FEFF, but not U+001C and U+0085. */
const BLANK = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const BLANKS_IN_FRONT = new RegExp(`^${BLANK}+`);
const BLANKS_BEHIND = new RegExp(`${BLANK}+$`);
const DEFAULT_SECTION = 'DEFAULT';
const UNNAMED = '';
/** Python's MAX_INTERPOLATION_DEPTH. */
const DEEPEST = 10;
/** Our own limits for values that expand each other: references that are followed, and characters of the result. */
const MOST_REFERENCES = 1000;
const MOST_CHARACTERS = 1024 * 1024;
/** The faults that are kept: a file that is not an INI file at all has one for each line. */
const MOST_FAULTS = 20;

export interface IniOptions {
  /**
   * For our own file: settings may come before the first section, in a section without a name; a key without a value means true;
   * each line is a setting of its own, whatever its indentation.
   */
  readonly isPlain?: boolean;
}

/**
 * Reads an INI file as the strict ConfigParser of Python 3 does, because the files of heat, boto and cfn-hup are written for it: `=`
 * or `:`; comments with `#` or `;` on lines of their own (a value may contain both); continuation lines by indentation; keys in any
 * case; [DEFAULT]; text after the `]` of a section is ignored. Source: Python 3 documentation, configparser. The package `ini` cannot
 * read these files: it does not support continuation lines, `:`, [DEFAULT] or errors, and splits names at dots.
 *
 * Differences from Python: a byte order mark is allowed, and a NUL is a fault, because it cannot be passed to a program as an argument.
 * A caller that uses a file although a key is repeated gets the last one.
 */
export function parsePythonIni(text: string, { isPlain = false }: IniOptions = {}): PythonIni {
  const sections = new Map<string, { line: number; settings: Map<string, Setting> }>();
  const defaults = new Map<string, Setting>();
  const faults: Fault[] = [];
  const addFault = (line: number, what: string): void => {
    if (faults.length < MOST_FAULTS) faults.push({ line, what });
  };
  /** `seen` has the keys below this header; keys below an earlier header of the same name may be repeated. */
  let section: { readonly settings: Map<string, Setting>; readonly seen: Map<string, Setting> } | undefined;
  if (isPlain) {
    const settings = new Map<string, Setting>();
    sections.set(UNNAMED, { line: 1, settings });
    section = { settings, seen: settings };
  }
  let open: { readonly key: string | undefined; readonly line: number; readonly lines: string[] } | undefined;
  let indentation = 0;
  let isLost = false;
  const close = (): void => {
    if (open?.key !== undefined) {
      const setting = { raw: open.lines.join('\n').replace(BLANKS_BEHIND, ''), line: open.line };
      section?.settings.set(open.key, setting);
      section?.seen.set(open.key, setting);
    }
    open = undefined;
  };
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|[\r\n]/)
    .entries()) {
    const number = index + 1;
    const value = strip(raw);
    if (value.startsWith('#') || value.startsWith(';')) continue;
    if (value.includes('\0')) addFault(number, 'a NUL byte');
    if (value === '') {
      open?.lines.push('');
      continue;
    }
    const indent = BLANKS_IN_FRONT.exec(raw)?.[0].length ?? 0;
    if (open !== undefined && indent > indentation && !isPlain) {
      open.lines.push(value);
      continue;
    }
    close();
    indentation = indent;
    const header = /^\[(.+)\]/s.exec(value)?.[1];
    if (header === DEFAULT_SECTION) section = { settings: defaults, seen: defaults };
    else if (header !== undefined) {
      const known = sections.get(header);
      if (known !== undefined) addFault(number, `the section [${header}] is repeated, first on line ${known.line}`);
      const settings = known?.settings ?? new Map<string, Setting>();
      if (known === undefined) sections.set(header, { line: number, settings });
      section = { settings, seen: known === undefined ? settings : new Map() };
    } else if (section === undefined) {
      if (!isLost) addFault(number, NO_SECTION);
      isLost = true;
    } else open = openSetting(isPlain && !/[=:]/.test(value) ? `${value}=true` : value, number, section.seen, addFault);
  }
  close();
  return { sections, defaults, faults };
}

/** As parsePythonIni, for the bytes of a file; text that is not UTF-8 is a fault. */
export function decodePythonIni(content: Uint8Array): PythonIni {
  try {
    return parsePythonIni(new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch {
    return { sections: new Map(), defaults: new Map(), faults: [{ line: undefined, what: 'not UTF-8 text' }] };
  }
}

function openSetting(
  value: string,
  line: number,
  known: ReadonlyMap<string, Setting>,
  addFault: (line: number, what: string) => void,
): { readonly key: string | undefined; readonly line: number; readonly lines: string[] } {
  const delimiter = value.search(/[=:]/);
  const key = delimiter < 0 ? '' : strip(value.slice(0, delimiter)).toLowerCase();
  const earlier = known.get(key);
  if (key === '') addFault(line, 'neither a section nor a setting');
  else if (earlier !== undefined) addFault(line, `the key ${key} is repeated, first on line ${earlier.line}`);
  // The continuation lines of a faulty line are ignored as well.
  return { key: key === '' ? undefined : key, line, lines: [strip(value.slice(delimiter + 1))] };
}

/**
 * The value of a key with `%%` and `%(name)s` resolved, as Python's BasicInterpolation does.
 *
 * Difference from Python: any other `%` is kept, where Python reports an error. `date +%F` in an action, or a `%` in a password, cannot
 * mean anything else.
 * @param settings of the section, including those of [DEFAULT]
 * @returns undefined when there is no such key; a fault for an unknown name, a circle, or a value that is too long
 */
export function resolveSetting(settings: ReadonlyMap<string, Pick<Setting, 'raw'>>, key: string): Resolved | undefined {
  const start = settings.get(key)?.raw;
  if (start === undefined) return undefined;
  let references = 0;
  let length = 0;
  const parts: string[] = [];
  const append = (text: string): undefined => {
    length += text.length;
    parts.push(text);
  };
  const expand = (raw: string, depth: number): string | undefined => {
    if (depth > DEEPEST) return `${key} refers to itself, or through more than ${DEEPEST} others`;
    for (const [piece, name] of raw.matchAll(/%%|%\(([^)]+)\)s|%|[^%]+/g)) {
      if (name === undefined) append(piece === '%%' ? '%' : piece);
      else {
        const other = settings.get(name.toLowerCase())?.raw;
        if (other === undefined) return `${key} refers to %(${name})s, and there is no such key`;
        if (++references > MOST_REFERENCES) return `${key} refers to too many others`;
        const fault = other.includes('%') ? expand(other, depth + 1) : append(other);
        if (fault !== undefined) return fault;
      }
      if (length > MOST_CHARACTERS) return `${key} is longer than ${MOST_CHARACTERS} characters`;
    }
    return undefined;
  };
  const fault = expand(start, 1);
  return fault === undefined ? { value: parts.join('') } : { fault };
}

/** The values of a section, with those of [DEFAULT]; a value that cannot be resolved is returned as written. */
export function valuesOf({ sections, defaults }: PythonIni, name: string): ReadonlyMap<string, string> {
  const settings = new Map([...defaults, ...(sections.get(name)?.settings ?? [])]);
  return new Map(
    [...settings].map(([key, { raw }]) => {
      const resolved = resolveSetting(settings, key);
      return [key, resolved !== undefined && 'value' in resolved ? resolved.value : raw];
    }),
  );
}

function strip(text: string): string {
  return text.replace(BLANKS_IN_FRONT, '').replace(BLANKS_BEHIND, '');
}

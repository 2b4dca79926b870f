import * as v from 'valibot';
import { isRecord } from '../json.ts';
import {
  accountFault,
  homeFault,
  type NameFault,
  newAccountFault,
  packageFault,
  type RuledManager,
  serviceFault,
} from '../names.ts';
import { suggestName } from '../nearest-name.ts';
import type { PackageManagerName } from './config.ts';
import { isWindowsCommand, isWindowsPath, type Mode, parseBoolean, parseMode, urlFault } from './values.ts';

/*
 * The form of a config. Each schema has its own words for what is wrong. A message may have a hint after HINT, and
 * splitMessage splits it again. Values that templates leave empty (YAML's null) count as absent.
 */

const HINT = '\n';
const message = (what: string, hint = ''): string => `${what}${HINT}${hint}`;

/** The message about a name that breaks its rule. */
const nameMessage = ({ what, hint }: NameFault): string => `${message(what, hint)}${HINT}name`;

/** Splits a schema's message into what is wrong, what to do, and whether it is about a name that no program may get. */
export function splitMessage(text: string): { what: string; hint: string; isName: boolean } {
  const [what = '', hint = '', kind] = text.split(HINT);
  return { what, hint, isName: kind === 'name' };
}

const record = v.custom<Record<string, unknown>>(isRecord, message('not an object', 'write it as { ... }'));

const withoutNul = v.check((text: string) => !text.includes('\0'), message('a NUL character'));
const text = v.pipe(v.string(message('not text', 'put it into quotes')), withoutNul);
const words = v.pipe(
  v.union([v.string(), v.number(), v.boolean()], message('neither text nor a number')),
  v.transform(String),
  withoutNul,
);
const listOfWords = v.pipe(
  v.union(
    [v.string(), v.number(), v.array(v.unknown())],
    message('not a list of names', 'write it as [ "name", ... ]'),
  ),
  v.transform((value) => (Array.isArray(value) ? value : [value])),
  v.array(words),
);
const boolean = v.pipe(
  v.unknown(),
  v.rawTransform<unknown, boolean>(({ dataset, addIssue, NEVER }) => {
    const value = isRecord(dataset.value) || Array.isArray(dataset.value) ? undefined : parseBoolean(dataset.value);
    if (value !== undefined) return value;
    addIssue({ message: message(`neither true nor false: ${JSON.stringify(dataset.value)}`, 'write true or false') });
    return NEVER;
  }),
);

const rootedPath = v.pipe(
  text,
  v.check((path) => !isWindowsPath(path), message('a Windows path', 'this is a Linux guest')),
  v.check((path) => isWindowsPath(path) || path.startsWith('/'), message('not an absolute path', 'begin it with /')),
);
const filePath = v.pipe(
  rootedPath,
  v.check(
    (path) => !/(^|\/)\.{0,2}$/.test(path),
    message('the path of a directory, not of a file', 'end it with the name of the file'),
  ),
);

const id = v.pipe(
  v.union([v.string(), v.number()], message('not a number')),
  v.transform((value) => String(value).trim()),
  v.regex(/^\d{1,10}$/, message('not a number', 'write a numeric id')),
  v.transform(Number),
  v.maxValue(0xffff_fffe, message('an id out of range', 'at most 4294967294')),
);
/** A check by one of the rules for names. @param words makes the message; by default, the message about a name */
const follows = (fault: (name: string) => NameFault | undefined, words = (found: NameFault) => nameMessage(found)) =>
  v.rawCheck<string>(({ dataset, addIssue }) => {
    // A value that has been reported already is not reported twice.
    const found = dataset.typed && dataset.issues === undefined ? fault(dataset.value) : undefined;
    if (found !== undefined) addIssue({ message: words(found) });
  });

const newAccountName = v.pipe(v.string(), follows(newAccountFault));
const ownerName = v.pipe(
  words,
  v.transform((name) => name.trim()),
  v.nonEmpty(message('an empty name')),
  follows(accountFault),
);

const packageName = v.pipe(text, v.trim(), v.nonEmpty(message('an empty package name')));
/** Some templates have `{}` for no version. */
const isEmptyObject = (value: unknown): boolean => isRecord(value) && Object.keys(value).length === 0;
const versions = v.pipe(
  v.unknown(),
  v.transform((value) => (isEmptyObject(value) ? [] : value)),
  v.nullish(listOfWords, []),
  v.transform((list) => list.map((version) => version.trim()).filter((version) => version !== '')),
);
/** Runs after the schema of the list, so that both report their findings. */
const packagesFollow = (manager: RuledManager) =>
  v.rawCheck<Record<string, string[]>>(({ dataset, addIssue }) => {
    const input = dataset.value as Record<string, unknown>;
    for (const [name, given] of Object.entries(input)) {
      const list = Array.isArray(given) ? given.filter((one) => typeof one === 'string') : [];
      const found = name === '' ? undefined : packageFault(manager, name, list);
      if (found === undefined) continue;
      addIssue({
        message: nameMessage(found),
        path: [{ type: 'object', origin: 'key', input, key: name, value: given }],
      });
    }
  });
const listOfPackages = v.pipe(
  v.array(words),
  v.transform((names): Record<string, unknown> => Object.fromEntries(names.map((name) => [name, []]))),
);
/** Made only for the managers that a document names: all ten would cost each start half a millisecond. */
const packageList = (manager: RuledManager) =>
  v.lazy(() =>
    v.pipe(
      v.union(
        [record, v.array(v.unknown())],
        message('not a map of package names to versions', 'write it as { "name": [] }'),
      ),
      v.lazy((value) => (Array.isArray(value) ? listOfPackages : record)),
      // A list that is plainly correct skips the schema, which takes 3 ms for 200 packages.
      v.lazy((value) => {
        const plain = plainPackages(manager, value as Record<string, unknown>);
        return plain === undefined
          ? v.pipe(v.record(packageName, versions), packagesFollow(manager))
          : v.pipe(
              record,
              v.transform(() => plain),
            );
      }),
    ),
  );

/** Package names and their versions as the schemas above make them; undefined where the schemas have to check them. */
function plainPackages(
  manager: RuledManager,
  packages: Readonly<Record<string, unknown>>,
): Record<string, string[]> | undefined {
  const isPlain = (one: unknown): one is string => typeof one === 'string' && /^[A-Za-z0-9/@][!-~]*$/.test(one);
  const plain: Record<string, string[]> = {};
  for (const name of Object.keys(packages)) {
    const given = packages[name];
    const list: readonly unknown[] = Array.isArray(given) ? given : [given];
    if (!isPlain(name) || RESERVED_NAMES.has(name) || !list.every(isPlain)) return undefined;
    if (packageFault(manager, name, list) !== undefined) return undefined;
    plain[name] = [...list];
  }
  return plain;
}

const shellCommand = v.pipe(v.string(), withoutNul);
const argumentList = v.pipe(v.array(words), v.minLength(1, message('an empty list', 'name a program')));
const command = v.pipe(
  v.union(
    [v.string(), v.array(v.unknown())],
    message('neither text nor a list', 'write a shell command, or a list of program and arguments'),
  ),
  // Not a union, which would only say that neither fits.
  v.lazy((value) => (typeof value === 'string' ? shellCommand : argumentList)),
);
const unixCommand = v.pipe(
  command,
  v.check(
    (value) => !isWindowsCommand(typeof value === 'string' ? value : value.join(' ')),
    message('a command for Windows', 'this is a Linux guest'),
  ),
);
const environment = v.pipe(
  record,
  v.record(
    v.pipe(v.string(), v.regex(/^[^=\0]+$/, message('not the name of a variable'))),
    v.pipe(v.nullish(words, ''), v.string()),
  ),
);
const seconds = v.pipe(
  v.union([v.string(), v.number()], message('not a number of seconds')),
  v.rawTransform<string | number, number>(({ dataset, addIssue, NEVER }) => {
    const value = String(dataset.value).trim();
    if (/^\d{1,12}(\.\d+)?$/.test(value)) return Number(value);
    const what =
      value === 'forever' ? 'waits forever, which only Windows guests can' : `not a number of seconds: ${value}`;
    addIssue({ message: message(what, 'give seconds, as in 10 or 0.5') });
    return NEVER;
  }),
);

const mode = v.pipe(
  v.unknown(),
  v.rawTransform<unknown, Mode>(({ dataset, addIssue, NEVER }) => {
    const result = parseMode(dataset.value);
    if ('mode' in result) return result.mode;
    addIssue({ message: message(result.what, result.hint) });
    return NEVER;
  }),
);
const urlMessage = ({ what, hint }: NameFault): string => message(what, hint);
const webOrFileUrl = v.pipe(
  text,
  v.trim(),
  follows((url) => urlFault(url), urlMessage),
);
const archiveUrl = v.pipe(
  text,
  v.trim(),
  follows((url) => (/^\/./.test(url) ? undefined : urlFault(url, 'not the address of an archive')), urlMessage),
);
const encoding = v.pipe(
  words,
  v.trim(),
  v.toLowerCase(),
  v.picklist(['plain', 'base64'], message('an unknown encoding', 'plain or base64')),
);

const entries = {
  groups: { gid: v.nullish(id) },
  users: {
    uid: v.nullish(id),
    groups: v.nullish(
      v.pipe(
        listOfWords,
        v.transform((names) => splitCommas(names)),
        // Reported at the list, since one text may have several names.
        v.rawCheck(({ dataset, addIssue }) => {
          for (const name of dataset.typed ? dataset.value : []) {
            const found = accountFault(name);
            if (found !== undefined) addIssue({ message: nameMessage(found) });
          }
        }),
      ),
    ),
    homeDir: v.nullish(v.pipe(rootedPath, follows(homeFault))),
  },
  files: {
    content: v.nullish(v.unknown()),
    source: v.nullish(webOrFileUrl),
    encoding: v.nullish(encoding),
    context: v.nullish(record),
    authentication: v.nullish(text),
    mode: v.nullish(mode),
    owner: v.nullish(ownerName),
    group: v.nullish(ownerName),
  },
  commands: {
    command: unixCommand,
    test: v.nullish(unixCommand),
    env: v.nullish(environment),
    cwd: v.nullish(
      v.pipe(
        text,
        v.check((path) => !isWindowsPath(path), message('a Windows path', 'this is a Linux guest')),
      ),
    ),
    runas: v.nullish(ownerName),
    ignoreErrors: v.nullish(boolean, false),
    waitAfterCompletion: v.nullish(seconds, 0),
  },
  services: {
    enabled: v.nullish(boolean),
    ensureRunning: v.nullish(boolean),
    files: v.nullish(listOfWords, []),
    sources: v.nullish(listOfWords, []),
    commands: v.nullish(listOfWords, []),
    packages: v.nullish(v.pipe(record, v.record(v.string(), v.nullish(listOfWords, []))), {}),
  },
};

function splitCommas(names: readonly string[]): string[] {
  return names
    .flatMap((name) => name.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

const serviceMap = v.pipe(
  record,
  v.record(v.pipe(text, follows(serviceFault)), v.nullish(v.pipe(record, v.looseObject(entries.services)), {})),
);
const refused = (what: string) => v.optional(v.never(message(what, 'this is a Linux guest')));
const section = <const T extends v.GenericSchema>(schema: T) => v.nullish(schema);

const packageManagers = {
  dpkg: section(packageList('dpkg')),
  rpm: section(packageList('rpm')),
  apt: section(packageList('apt')),
  yum: section(packageList('yum')),
  dnf: section(packageList('dnf')),
  zypper: section(packageList('zypper')),
  apk: section(packageList('apk')),
  pacman: section(packageList('pacman')),
  python: section(packageList('python')),
  rubygems: section(packageList('rubygems')),
  msi: refused('the package manager msi is for Windows'),
} satisfies Readonly<Record<PackageManagerName | 'msi', unknown>>;
const serviceManagers = {
  sysvinit: section(serviceMap),
  systemd: section(serviceMap),
  windows: refused('the service manager windows is for Windows'),
};

const OF_WINDOWS = new Set(['msi', 'windows']);

/** Runs after the schema of the table, so that both report their findings. */
const onlyKeysOf = <T extends object>(kind: string, table: object) =>
  v.rawCheck<T>(({ dataset, addIssue }) => {
    const input = dataset.value as Record<string, unknown>;
    const forLinux = Object.keys(table).filter((key) => !OF_WINDOWS.has(key));
    for (const key of Object.keys(input)) {
      if (Object.hasOwn(table, key)) continue;
      addIssue({
        message: nameMessage({ what: `no ${kind} ${JSON.stringify(key)}`, hint: suggestName(key, forLinux) }),
        path: [{ type: 'object', origin: 'key', input, key, value: input[key] }],
      });
    }
  });

const sections = {
  packages: section(v.pipe(record, v.looseObject(packageManagers), onlyKeysOf('package manager', packageManagers))),
  groups: section(
    v.pipe(record, v.record(newAccountName, v.nullish(v.pipe(record, v.looseObject(entries.groups)), {}))),
  ),
  users: section(v.pipe(record, v.record(newAccountName, v.nullish(v.pipe(record, v.looseObject(entries.users)), {})))),
  sources: section(v.pipe(record, v.record(rootedPath, archiveUrl))),
  files: section(v.pipe(record, v.record(filePath, v.pipe(record, v.looseObject(entries.files))))),
  commands: section(v.pipe(record, v.record(text, v.pipe(record, v.looseObject(entries.commands))))),
  services: section(v.pipe(record, v.looseObject(serviceManagers), onlyKeysOf('service manager', serviceManagers))),
};

/** Whether a key is the name of a section. */
export function isSection(key: string): boolean {
  return Object.hasOwn(sections, key);
}

/** A whole config. */
export const configSchema = v.looseObject(sections);
export type RawConfig = v.InferOutput<typeof configSchema>;

/** The keys of a config and its entries that are ignored: the path of each, and the known keys there. */
export function unknownKeys(config: Readonly<Record<string, unknown>>): { path: string[]; known: string[] }[] {
  const found: { path: string[]; known: string[] }[] = [];
  const compare = (value: unknown, table: object, path: string[]): void => {
    if (!isRecord(value)) return;
    for (const key of Object.keys(value))
      if (!Object.hasOwn(table, key)) found.push({ path: [...path, key], known: Object.keys(table) });
  };
  compare(config, sections, []);
  for (const name of ['groups', 'users', 'files', 'commands'] as const) {
    const section = config[name];
    if (isRecord(section))
      for (const [entry, value] of Object.entries(section)) compare(value, entries[name], [name, entry]);
  }
  const services = config['services'];
  if (isRecord(services)) {
    for (const [manager, list] of Object.entries(services)) {
      if (isRecord(list))
        for (const [entry, value] of Object.entries(list))
          compare(value, entries.services, ['services', manager, entry]);
    }
  }
  return found;
}

/** Names that the schemas ignore silently, since JavaScript has a meaning for them. */
const RESERVED_NAMES = new Set(['__proto__', 'constructor', 'prototype']);

/** The paths of entries with a reserved name. The content and the context of a file may have any names. */
export function reservedNames(config: Readonly<Record<string, unknown>>): string[][] {
  const found: string[][] = [];
  const walk = (value: unknown, path: string[]): void => {
    if (!isRecord(value) || (path[0] === 'files' && path.length > 2)) return;
    for (const [key, child] of Object.entries(value)) {
      if (RESERVED_NAMES.has(key)) found.push([...path, key]);
      walk(child, [...path, key]);
    }
  };
  walk(config, []);
  return found;
}

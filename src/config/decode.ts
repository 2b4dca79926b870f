import { isRecord, JsonSpans } from '../json.ts';
import type { PrivateText } from '../secrets/private-texts.ts';
import { type Authentications, authenticationFor, decodeAuthentications } from './authentication.ts';
import type {
  CommandEntry,
  Config,
  EntryPlace,
  GroupEntry,
  PackagesEntry,
  SectionName,
  ServiceEntry,
  SourceEntry,
  UserEntry,
} from './config.ts';
import {
  describeKind,
  doubtsAbout,
  doubtsAboutKeys,
  doubtsAboutNames,
  guessPlaceOfInit,
  withoutConsequences,
} from './config-doubts.ts';
import { selectConfigs } from './config-sets.ts';
import { decodeFiles, openTextsOf, privateTextsIn, soundFiles } from './decode-files.ts';
import { type Finding, INIT_KEY, placeInWords, pointerOf } from './findings.ts';
import { parseConfig } from './parse-config.ts';
import type { RawConfig } from './schema.ts';

/** A parsed metadata document and the text it came from. */
export interface MetadataDocument {
  readonly value: unknown;
  readonly text: string;
}

export interface Decoded {
  /** What to apply, in order; a config that is selected twice is here twice. */
  readonly configs: readonly Config[];
  /** Every problem of the selected configs. With an error among them nothing may be applied. */
  readonly findings: readonly Finding[];
  /** Credentials. They must not be shown anywhere. */
  readonly secrets: readonly string[];
  /** The contents of files that not everybody may read. */
  readonly privateTexts: readonly PrivateText[];
  /** What everybody may read of the document; empty where there are no private texts. */
  readonly openTexts: readonly string[];
}

/**
 * Decodes what a metadata document asks for. Pure: it reads nothing from the machine.
 * @param wanted config sets named on the command line
 * @param tolerated sections in which an entry with a bad name is left out, with a warning
 */
export function decodeMetadata(
  document: MetadataDocument,
  wanted: readonly string[],
  tolerated: ReadonlySet<SectionName> = new Set(),
): Decoded {
  const { value, text } = document;
  if (!isRecord(value)) return refused('the metadata is not an object', '', describeKind(value));
  const init = value[INIT_KEY];
  if (init === undefined) return refused(`no ${INIT_KEY} in the metadata`, '', guessPlaceOfInit(value));
  if (!isRecord(init))
    return refused(`${INIT_KEY} is not an object`, pointerOf([INIT_KEY]), 'write it as { "config": { ... } }');

  const spans = new JsonSpans(text);
  const authentications = decodeAuthentications(value, spans);
  const selection = selectConfigs(init, wanted);
  const findings = [
    ...selection.findings,
    ...authentications.findings,
    ...doubtsAboutNames(value, selection.configs),
    ...doubtsAboutKeys(text, selection.configs),
  ];
  const privateTexts: PrivateText[] = [];
  const decoded = new Map<string, Config>();
  for (const name of new Set(selection.configs)) {
    const config = decodeConfig(
      name,
      init[name] as Record<string, unknown>,
      spans,
      authentications,
      tolerated,
      findings,
    );
    decoded.set(name, config);
    for (const text of privateTextsIn(config.files)) privateTexts.push(text);
  }
  // An earlier run may have written the files of the other configs.
  for (const [name, config] of Object.entries(init))
    if (!decoded.has(name))
      for (const text of privateTextsOf(name, config, spans, authentications)) privateTexts.push(text);
  return {
    configs: selection.configs.map((name) => decoded.get(name) as Config),
    findings,
    secrets: authentications.secrets,
    privateTexts,
    openTexts: privateTexts.length === 0 ? [] : openTextsOf(init),
  };
}

/**
 * What must not be shown of a document: credentials, and the private files of all its configs, selected or not.
 */
export function secretsOf({ value, text }: MetadataDocument): Pick<Decoded, 'secrets' | 'privateTexts' | 'openTexts'> {
  if (!isRecord(value)) return { secrets: [], privateTexts: [], openTexts: [] };
  const spans = new JsonSpans(text);
  const authentications = decodeAuthentications(value, spans);
  const init = isRecord(value[INIT_KEY]) ? value[INIT_KEY] : {};
  const privateTexts = Object.entries(init).flatMap(([name, config]) =>
    privateTextsOf(name, config, spans, authentications),
  );
  return {
    secrets: authentications.secrets,
    privateTexts,
    openTexts: privateTexts.length === 0 ? [] : openTextsOf(init),
  };
}

function privateTextsOf(
  name: string,
  config: unknown,
  spans: JsonSpans,
  authentications: Authentications,
): PrivateText[] {
  if (!isRecord(config) || !isRecord(config['files'])) return [];
  const files = decodeFiles(name, soundFiles(config), spans, authentications, []);
  return privateTextsIn(files);
}

function decodeConfig(
  name: string,
  value: Record<string, unknown>,
  spans: JsonSpans,
  authentications: Authentications,
  tolerated: ReadonlySet<SectionName>,
  findings: Finding[],
): Config {
  const doubts = doubtsAbout(name, value);
  const problems: Finding[] = [];
  const result = parseConfig(name, value, spans, tolerated, problems);
  // After an error nothing is applied; what could be decoded is still checked for further problems.
  const raw = result ?? {};
  const rawFiles = result === undefined ? soundFiles(value) : (raw.files ?? {});
  const files = decodeFiles(name, rawFiles, spans, authentications, problems);
  // One by one: as arguments of one call, a hundred thousand would overflow the stack.
  for (const finding of [...doubts, ...withoutConsequences(doubts, problems)]) findings.push(finding);
  return {
    name,
    packages: decodePackages(name, raw),
    groups: decodeGroups(name, raw),
    users: decodeUsers(name, raw),
    sources: decodeSources(name, raw, authentications),
    files,
    commands: decodeCommands(name, raw),
    services: decodeServices(name, raw),
  };
}

function decodePackages(config: string, { packages }: RawConfig): PackagesEntry[] {
  return entriesOf(packages).map(([manager, list]) => ({
    ...entryAt(config, 'packages', manager),
    name: manager as PackagesEntry['name'],
    packages: Object.entries(list as Record<string, string[]>).map(([name, versions]) => ({ name, versions })),
  }));
}

function decodeGroups(config: string, { groups }: RawConfig): GroupEntry[] {
  return entriesOf(groups).map(([name, { gid }]) => ({ ...entryAt(config, 'groups', name), gid: gid ?? undefined }));
}

function decodeUsers(config: string, { users }: RawConfig): UserEntry[] {
  return entriesOf(users).map(([name, user]) => ({
    ...entryAt(config, 'users', name),
    uid: user.uid ?? undefined,
    groups: user.groups ?? undefined,
    home: user.homeDir ?? undefined,
  }));
}

function decodeSources(config: string, { sources }: RawConfig, { byName }: Authentications): SourceEntry[] {
  return entriesOf(sources).map(([name, url]) => ({
    ...entryAt(config, 'sources', name),
    url,
    authentication: authenticationFor(url, undefined, byName),
  }));
}

function decodeCommands(config: string, { commands }: RawConfig): CommandEntry[] {
  return entriesOf(commands).map(([name, entry]) => ({
    ...entryAt(config, 'commands', name),
    command: entry.command,
    test: entry.test ?? undefined,
    env: entry.env ?? undefined,
    cwd: entry.cwd ?? undefined,
    runas: entry.runas ?? undefined,
    ignoreErrors: entry.ignoreErrors ?? false,
    waitAfterCompletion: entry.waitAfterCompletion ?? 0,
  }));
}

function decodeServices(config: string, { services }: RawConfig): ServiceEntry[] {
  return entriesOf(services).flatMap(([manager, list]) =>
    Object.entries(list as Record<string, NonNullable<NonNullable<RawConfig['services']>['systemd']>[string]>).map(
      ([name, service]) => ({
        ...entryAt(config, 'services', manager, name),
        manager: manager as ServiceEntry['manager'],
        enabled: service?.enabled ?? undefined,
        ensureRunning: service?.ensureRunning ?? undefined,
        restartOn: {
          files: service?.files ?? [],
          sources: service?.sources ?? [],
          commands: service?.commands ?? [],
          packages: Object.entries(service?.packages ?? {}).flatMap(([packageManager, names]) =>
            (names ?? []).map((one) => `${packageManager}:${one}`),
          ),
        },
      }),
    ),
  );
}

function entryAt(config: string, section: string, ...names: readonly string[]): EntryPlace {
  return {
    name: names[names.length - 1] as string,
    place: placeInWords(pointerOf([INIT_KEY, config, section, ...names])),
  };
}

function entriesOf<T>(section: Record<string, T> | null | undefined): [string, NonNullable<T>][] {
  return Object.entries(section ?? {}).filter(
    (entry): entry is [string, NonNullable<T>] => entry[1] !== undefined && entry[1] !== null,
  );
}

function refused(what: string, pointer: string, hint: string): Decoded {
  return {
    configs: [],
    findings: [{ severity: 'error', what, pointer, hint }],
    secrets: [],
    privateTexts: [],
    openTexts: [],
  };
}

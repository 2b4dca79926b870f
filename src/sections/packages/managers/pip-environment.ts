import { posix } from 'node:path';
import { Problem } from '../../../errors.ts';
import { isRecord, textOf } from '../../../json.ts';
import type { World } from '../../step.ts';
import { packageToolProblem } from '../package-tool.ts';
import { askPip } from './pip.ts';

/** Where a distribution came from if that was not an index, as pip records it (PEP 610). */
export interface DirectSource {
  readonly url: string;
  /** Of an archive: `sha256=...`; of a repository: the commit. */
  readonly fingerprint?: string | undefined;
  /** The branch or tag that was asked for. */
  readonly revision?: string | undefined;
  /** The file where pip recorded this, if it says so. */
  readonly record?: string | undefined;
}

export interface InstalledDistribution {
  /** Unknown where an old pip tells the source alone. */
  readonly version: string | undefined;
  readonly source: DirectSource | undefined;
}

/** Of pip's record of a source. */
const MOST_BYTES = 1024 * 1024;

/** By canonical name. */
export type PipEnvironment = ReadonlyMap<string, InstalledDistribution>;

/** Upper and lower case and `-`, `_`, `.` are alike in names (PEP 503). */
export function canonicalName(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replace(/[-_.]+/g, '-');
}

/**
 * All that is installed, in one query.
 * @param withSources also where each came from, which takes pip longer; older ones are asked twice
 * @returns an empty map where there is no pip
 * @throws Problem when pip itself is broken
 */
export async function readPipEnvironment(withSources: boolean, world: World): Promise<PipEnvironment> {
  if (withSources) {
    const inspected = await askPip(['inspect'], world); // from pip 22.2 on
    if (inspected === undefined) return new Map();
    if (inspected.exitCode === 0) return decodeInspection(inspected.stdout);
  }
  const listed = await askPip(['list', ...(withSources ? ['--format=json', '--verbose'] : ['--format=freeze'])], world);
  if (listed === undefined) return new Map();
  if (listed.exitCode === 0 && !withSources) return parseFreeze(listed.stdout);
  const frozen = await askPip(['freeze', '--all'], world);
  if (frozen?.exitCode !== 0) throw packageToolProblem({ manager: 'python', command: ['pip'] }, frozen ?? listed);
  const sources = parseFreeze(frozen.stdout);
  const environment = new Map(sources);
  if (listed.exitCode !== 0) return environment;
  for (const { name, version, location } of decodeList(listed.stdout)) {
    const frozenSource = sources.get(name)?.source;
    // freeze tells neither the revision nor the place of the record.
    const source = frozenSource === undefined ? undefined : (readRecord(name, location, world) ?? frozenSource);
    environment.set(name, { version, source });
  }
  return environment;
}

/** Reads what `pip list --format=json --verbose` prints; the place is unknown where an older pip does not tell it. */
function decodeList(text: string): readonly { name: string; version: string; location: string | undefined }[] {
  const list = parsePipJson(text, 'pip list printed no JSON');
  return (Array.isArray(list) ? list : []).flatMap((entry) => {
    const [name, version] = isRecord(entry) ? [textOf(entry['name']), textOf(entry['version'])] : [];
    if (name === undefined || version === undefined) return [];
    return [{ name: canonicalName(name), version, location: textOf(entry['location']) }];
  });
}

/** Where a distribution came from, as pip has recorded beside it. */
function readRecord(
  name: string,
  location: string | undefined,
  { system: { files } }: World,
): DirectSource | undefined {
  if (location === undefined || files.entry(location)?.kind !== 'directory') return undefined;
  const directory = files.names(location).find((entry) => {
    const [, own] = /^([^-]+)-.*\.dist-info$/.exec(entry) ?? [];
    return own !== undefined && canonicalName(own) === name;
  });
  if (directory === undefined) return undefined;
  const place = `${location}/${directory}`;
  const path = `${place}/direct_url.json`;
  const record = files.readIfPresent(path, MOST_BYTES);
  return record === undefined ? undefined : decodeSource(parsePipJson(record.toString(), `${path} is no JSON`), place);
}

/** Reads lines `name==version` and `name @ URL`; others (editable ones, comments) are ignored. */
export function parseFreeze(text: string): PipEnvironment {
  const environment = new Map<string, InstalledDistribution>();
  for (const line of text.split('\n')) {
    const [, name = '', joint = '', rest = ''] = /^([A-Za-z0-9._-]+)(===?| @ )(\S+)/.exec(line) ?? [];
    if (name === '') continue;
    if (joint !== ' @ ') environment.set(canonicalName(name), { version: rest, source: undefined });
    else environment.set(canonicalName(name), { version: undefined, source: parseFrozenUrl(rest) });
  }
  return environment;
}

/** `URL#sha256=...` of an archive, `git+URL@COMMIT` of a repository. */
function parseFrozenUrl(text: string): DirectSource {
  const [, url = text, fragment] = /^([^#]*)#(.*)$/.exec(text) ?? [];
  const [, base, commit] = /^\w+\+(.+)@([^@/]+)$/.exec(url) ?? [];
  if (base !== undefined) return { url: base, fingerprint: commit };
  return { url, fingerprint: /sha256=[0-9a-f]+/.exec(fragment ?? '')?.[0] };
}

/** Reads what `pip inspect` prints. @throws Problem when it is something else */
export function decodeInspection(text: string): PipEnvironment {
  const environment = new Map<string, InstalledDistribution>();
  const report = parsePipJson(text, 'pip inspect printed no JSON');
  const installed = isRecord(report) && Array.isArray(report['installed']) ? report['installed'] : [];
  for (const entry of installed) {
    if (!isRecord(entry) || !isRecord(entry['metadata'])) continue;
    const name = textOf(entry['metadata']['name']);
    if (name === undefined) continue;
    environment.set(canonicalName(name), {
      version: textOf(entry['metadata']['version']),
      source: decodeSource(entry['direct_url'], textOf(entry['metadata_location'])),
    });
  }
  return environment;
}

/** @throws Problem with `fault` as its message */
function parsePipJson(text: string, fault: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Problem(fault, { where: 'packages python', cause });
  }
}

function decodeSource(direct: unknown, place: string | undefined): DirectSource | undefined {
  if (!isRecord(direct)) return undefined;
  const url = textOf(direct['url']);
  if (url === undefined) return undefined;
  const { archive_info: archive, vcs_info: repository } = direct;
  if (isRecord(repository))
    return { url, fingerprint: textOf(repository['commit_id']), revision: textOf(repository['requested_revision']) };
  const hash = isRecord(archive) ? textOf(archive['hash']) : undefined;
  return {
    url,
    fingerprint: hash?.startsWith('sha256=') === true ? hash : undefined,
    record: place === undefined ? undefined : `${place}/direct_url.json`,
  };
}

/** True for a version that is the URL, path or repository (`git+https://...`) of what is to be installed. */
export function isPipSource(version: string): boolean {
  return /^(?:\/|\w[\w+.-]*:\/\/)/.test(version);
}

/**
 * True when what is installed came from where the metadata says, so that there is nothing to do. A local archive must
 * also still be the same file; what a web server has under the same URL today is not asked.
 */
export function isSameSource(wanted: string, installed: DirectSource, world: World): boolean {
  const { base, revision } = parsePipSource(wanted);
  if (base !== normalized(installed.url)) return false;
  if (/^\w+\+/.test(wanted)) return revision === installed.revision || revision === installed.fingerprint;
  if (!base.startsWith('file://')) return true;
  const { files } = world.system;
  const path = base.slice('file://'.length);
  const archive = files.entry(path);
  if (archive?.kind !== 'file') return true;
  if (installed.fingerprint === undefined) {
    // Before 23.1 pip records no checksum of local files: then their times are compared.
    const record = installed.record === undefined ? undefined : files.entry(installed.record);
    return record === undefined || archive.modified <= record.modified;
  }
  // biome-ignore lint/plugin: it takes time to load, and is rarely needed.
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256');
  files.readPieces(path, (piece) => hash.update(piece));
  return installed.fingerprint === `sha256=${hash.digest('hex')}`;
}

/**
 * Which installed distribution a source is one of, as far as can be told without fetching it: by the name of its file, by
 * the name in the metadata, or by a source that is the same but for its revision.
 */
export function distributionOfSource(source: string, name: string, environment: PipEnvironment): string | undefined {
  const { base } = parsePipSource(source);
  const [, stem] = /\/([A-Za-z0-9._-]+?)-\d[^/]*\.(?:whl|zip|tgz|tar\.\w+)(?:\?[^/]*)?$/.exec(base) ?? [];
  const named = [...(stem === undefined ? [] : [canonicalName(stem)]), name].find((one) => environment.has(one));
  return (
    named ??
    [...environment].find(([, { source: other }]) => other !== undefined && normalized(other.url) === base)?.[0]
  );
}

/** Splits a URL or path as pip records it: without user, fragment and revision. */
function parsePipSource(text: string): { readonly base: string; readonly revision: string | undefined } {
  const url = (text.startsWith('/') ? `file://${posix.normalize(text)}` : text).replace(/#.*$/, '');
  if (!/^\w+\+/.test(url)) return { base: normalized(url), revision: undefined };
  const [, base = url, revision] = /^(.*:\/\/[^/]*\/.*)@([^@]+)$/.exec(url) ?? [];
  return { base: normalized(base.replace(/^\w+\+/, '')), revision };
}

function normalized(url: string): string {
  const plain = url
    .replace(/^(\w+:\/\/)[^/@]*@/, '$1')
    .replace(/#.*$/, '')
    .replace(/\/+$/, '');
  try {
    return decodeURIComponent(plain);
  } catch {
    return plain;
  }
}

import { posix } from 'node:path';
import type { World } from '../../step.ts';
import { askPip } from './pip.ts';
import { canonicalName, type DirectSource, type PipEnvironment } from './pip-environment.ts';

/** True for a version that is the URL, path or repository (`git+https://...`) of what is to be installed. */
export function isPipSource(version: string): boolean {
  return /^(?:\/|\w[\w+.-]*:\/\/)/.test(version);
}

/**
 * True when what is installed came from where the metadata says, so that there is nothing to do. A local archive must
 * also still be the same file; what a web server has under the same URL today is not asked.
 */
export async function isSameSource(wanted: string, installed: DirectSource, world: World): Promise<boolean> {
  const { base, revision } = parsePipSource(wanted);
  if (base !== normalized(installed.url)) return false;
  if (/^\w+\+/.test(wanted)) return revision === installed.revision || revision === installed.fingerprint;
  if (!base.startsWith('file://')) return true;
  const { files } = world.system;
  const path = base.slice('file://'.length);
  const archive = files.entry(path);
  if (archive?.kind !== 'file') return true;
  if (installed.fingerprint === undefined) {
    // pip notes no checksum of local files before 23.1: then their times must do.
    const note = installed.note === undefined ? undefined : files.entry(installed.note);
    return note === undefined || archive.modified <= note.modified;
  }
  const hashed = await askPip(['hash', '--algorithm', 'sha256', '--', path], world);
  return hashed?.stdout.includes(`--hash=${installed.fingerprint.replace('=', ':')}`) ?? false;
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

/** Takes a URL or path apart in the way in which pip notes it down: without user, fragment and revision. */
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

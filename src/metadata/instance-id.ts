import { hostname } from 'node:os';
import { parseJson } from '../config/json-text.ts';
import { isRecord } from '../config/record.ts';
import { Problem } from '../errors.ts';
import { paths } from '../paths.ts';
import type { FileSystem } from '../system/file-system.ts';

const MOST_BYTES = 1024 * 1024;

/**
 * The name of this instance for a signal: Nova's uuid, then cloud-init's instance id, then the full
 * host name (contract section 2, cfn-signal -i). Reads local files only: a lookup in DNS may hang at boot.
 */
export function localInstanceId(files: FileSystem): string {
  return (
    novaUuid(read(files, paths.novaMetadata)) ??
    cloudInitId(read(files, paths.cloudInitInstanceId)) ??
    fullHostName(read(files, paths.hosts))
  );
}

/** The host name with its domain, where it has one or /etc/hosts knows it. */
function fullHostName(hosts: string | undefined): string {
  const name = hostname();
  if (name.includes('.')) return name;
  for (const line of (hosts ?? '').split('\n')) {
    const [, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const full = names.includes(name) ? names.find((candidate) => candidate.includes('.')) : undefined;
    if (full !== undefined) return full;
  }
  return name;
}

/** A cached answer that is no metadata (an error page of a proxy, say) is passed over. */
function novaUuid(text: string | undefined): string | undefined {
  const result = text === undefined ? undefined : parseJson(text);
  if (result === undefined || !('value' in result) || !isRecord(result.value)) return undefined;
  const { uuid } = result.value;
  return typeof uuid === 'string' && uuid !== '' ? uuid : undefined;
}

function cloudInitId(text: string | undefined): string | undefined {
  const id = text?.trim();
  return id === undefined || id === '' || /\s/.test(id) ? undefined : id;
}

function read(files: FileSystem, path: string): string | undefined {
  try {
    return files.readIfPresent(path, MOST_BYTES)?.toString('utf8');
  } catch (error) {
    if (error instanceof Problem) return undefined; // not ours to read: an ordinary user may signal as well
    throw error;
  }
}

import type { MetadataDocument } from '../config/decode.ts';
import { Problem } from '../errors.ts';
import { isRecord, parseJson } from '../json.ts';
import { paths } from '../paths.ts';
import { resourceFilePart } from '../resource-name.ts';
import type { FileSystem } from '../system/files/file-system.ts';
import { bootDataPaths, bootDataWritten, isOlder, noteWritten, writerOf } from './written-by.ts';

/** Larger than any metadata of Heat or Nova; limits how much of a broken file is read. */
export const MOST_METADATA_BYTES = 64 * 1024 * 1024;

export interface FoundMetadata {
  readonly document: MetadataDocument;
  /** The file it came from. */
  readonly path: string;
  readonly written: Date;
}

export interface LocalMetadata {
  readonly found: FoundMetadata | undefined;
  /** Files that exist but cannot be used, and why. */
  readonly broken: readonly string[];
  /** Files that belong to another instance, as in an image captured from a running guest, and how that is known. */
  readonly foreign: readonly string[];
}

/** The files that may hold metadata, best first (contract section 1). */
export function localMetadataPaths(resource: string | undefined): readonly string[] {
  return [
    ...(resource === undefined ? [] : [resourceCachePath(resource)]),
    `${paths.metadataCache}/${paths.lastMetadata}`,
    ...bootDataPaths(),
  ];
}

/**
 * Reads the first usable file of the chain. A file that does not exist is ignored. Broken files and files of another instance are
 * reported. A copy without a note may be older than the files that cloud-init wrote when this instance was made: then it is used only
 * when those cannot be used.
 */
export function readLocalMetadata(files: FileSystem, resource: string | undefined, now: Date): LocalMetadata {
  const broken: string[] = [];
  const foreign: string[] = [];
  const outdated: string[] = [];
  let older: FoundMetadata | undefined;
  const boot = bootDataWritten(files, now);
  for (const path of localMetadataPaths(resource)) {
    try {
      const content = files.readIfPresent(path, MOST_METADATA_BYTES);
      if (content === undefined) continue;
      const written = files.entry(path)?.modified ?? new Date(0);
      const writer = writerOf(files, path, written);
      if (writer.kind === 'other') {
        foreign.push(`${path} is of another instance, ${writer.instance}`);
        continue;
      }
      const document = parseDocument(content, path);
      if (!isRecord(document.value)) throw new Problem('the document is not a JSON object', { where: path });
      const found = { document, path, written };
      const isOutdated = writer.kind === 'unknown' && boot !== undefined && isOlder(written, boot.written);
      if (!isOutdated) return { found, broken, foreign: [...foreign, ...outdated] };
      outdated.push(`${path} is older than ${boot.path}`);
      older ??= found;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      broken.push(error.line);
    }
  }
  return { found: older, broken, foreign };
}

/** Parses metadata. @throws Problem that names `where` it came from */
export function parseDocument(content: Uint8Array, where: string): MetadataDocument {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch (error) {
    throw new Problem('the document is not UTF-8 text', { where, cause: error });
  }
  const result = parseJson(text);
  if ('problem' in result)
    throw new Problem(result.problem, { where, hint: 'check the file, or fetch the metadata again' });
  return { value: result.value, text };
}

/**
 * Publishes metadata to the other agents on the guest: last_metadata, and last_metadata_RES for a resource. A copy that is already the
 * same keeps its date, which says how old it is.
 */
export function publishMetadata(
  files: FileSystem,
  text: string,
  resource: string | undefined,
  owner: { uid: number; gid: number },
): void {
  files.makePrivateDirectory(paths.metadataCache);
  const content = Buffer.from(text);
  const targets = [
    `${paths.metadataCache}/${paths.lastMetadata}`,
    ...(resource === undefined ? [] : [resourceCachePath(resource)]),
  ];
  for (const path of targets) {
    if (!hasContent(files, path, content) || files.entry(path)?.mode !== 0o600)
      files.write(path, content, { mode: 0o600, ...owner });
  }
  noteWritten(files, targets, owner);
}

/** True when there is a regular file with these bytes at the path. */
export function hasContent(files: FileSystem, path: string, content: Buffer): boolean {
  const entry = files.entry(path);
  return entry?.kind === 'file' && entry.size === content.length && files.read(path).equals(content);
}

/** Where the metadata of one resource is published. */
export function resourceCachePath(resource: string): string {
  return `${paths.metadataCache}/${paths.lastMetadata}_${resourceFilePart(resource)}`;
}

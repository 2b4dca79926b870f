import { basename, dirname } from 'node:path';
import { Problem } from '../errors.ts';
import { readLocalMetadata, resourceCachePath } from '../metadata/local.ts';
import { paths } from '../paths.ts';
import type { FileSystem } from '../system/files/file-system.ts';
import type { System } from '../system/system.ts';
import { type InspectedConfig, inspectHupConfig } from './config-files.ts';
import type { Remarks } from './config-sections.ts';
import { hookFindings } from './hook-findings.ts';

const MOST_BYTES = 1024 * 1024;
const MAIN_FILE = 'cfn-hup.conf';

/** Metadata that cfn-init has just applied. */
export interface AppliedMetadata {
  readonly value: unknown;
  /** The resource that it belongs to; undefined when the caller did not name it. */
  readonly resource: string | undefined;
}

/**
 * Finds hooks that are written correctly but probably do not work: see hookFindings.
 * @param applied takes precedence over the metadata that is published on the guest
 */
export function doubtsOf(
  { files, clock }: Pick<System, 'files' | 'clock'>,
  { sections, settings, places }: Pick<InspectedConfig, 'sections' | 'settings' | 'places'>,
  applied?: AppliedMetadata,
): Remarks {
  const texts = new Map<string, string>();
  for (const path of new Set([places.main, ...[...sections.values()].map(({ file }) => file)])) {
    const text = readText(files, path, MOST_BYTES);
    if (text !== undefined) texts.set(path, text);
  }
  const metadataOf = (resource: string, isOwn: boolean): unknown => {
    if (applied !== undefined && (applied.resource === resource || (applied.resource === undefined && isOwn)))
      return applied.value;
    const { found } = readLocalMetadata(files, resource, clock.now());
    return isOwn || found?.path === resourceCachePath(resource) ? found?.document.value : undefined;
  };
  return hookFindings({ sections, settings }, { texts, metadataOf });
}

/**
 * The problems and warnings of hooks that cfn-init has just written.
 * @param written paths of files
 * @returns one line each
 */
export function doubtsOfWritten(
  system: Pick<System, 'files' | 'self' | 'clock' | 'absolutePath'>,
  written: readonly string[],
  applied: AppliedMetadata,
): readonly string[] {
  const roots = new Set(written.flatMap((path) => hupRootOf(path) ?? []));
  return [...roots].flatMap((root) => {
    if (system.files.entry(`${root}/${MAIN_FILE}`) === undefined) return [];
    try {
      const config = inspectHupConfig(system, root);
      const doubts = doubtsOf(system, config, applied);
      return [...config.mainProblems, ...config.problems, ...doubts.problems, ...doubts.warnings];
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return [error.line];
    }
  });
}

/** The root of the configuration that a file belongs to, by its name. */
function hupRootOf(path: string): string | undefined {
  const directory = dirname(path);
  if ([MAIN_FILE, 'hooks.conf'].includes(basename(path))) return directory;
  return basename(directory) === paths.hupHooksDirectory ? dirname(directory) : undefined;
}

function readText(files: FileSystem, path: string, mostBytes: number): string | undefined {
  try {
    return files.readIfPresent(path, mostBytes)?.toString('utf8');
  } catch (error) {
    if (error instanceof Problem) return undefined; // it has been reported already, or we may not read it
    throw error;
  }
}

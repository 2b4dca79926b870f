import { Problem } from '../errors.ts';
import { isRecord, parseJson } from '../json.ts';
import type { Log } from '../logging/log.ts';
import { paths } from '../paths.ts';
import type { FileSystem } from '../system/files/file-system.ts';
import type { System } from '../system/system.ts';
import { configDriveDevice, readConfigDrive, searchConfigDrive } from './config-drive.ts';
import type { MetadataService } from './metadata-service.ts';

/** What Nova says about this instance: meta_data.json. */
export interface NovaMetadata {
  readonly uuid: string;
  readonly document: Readonly<Record<string, unknown>>;
  /** The document as it was received. */
  readonly text: string;
}

const MOST_BYTES = 1024 * 1024;
/** Newest first. heat-cfntools used the dated path, and the oldest Nova has only that one. */
const DOCUMENTS = ['/openstack/latest/meta_data.json', '/openstack/2012-08-10/meta_data.json'];
/** In the cached copy: cloud-init's id of the instance that fetched it, where that is not the uuid. */
const FETCHED_BY = 'cfntools_instance_id';
const PASSWORD = 'admin_pass';

/** @returns undefined for a text that is not an answer of Nova: a page of a proxy, a document without a uuid */
export function decodeNovaMetadata(text: string): NovaMetadata | undefined {
  const result = parseJson(text);
  if (!('value' in result) || !isRecord(result.value)) return undefined;
  const { uuid } = result.value;
  return typeof uuid === 'string' && /^[\x21-\x7e]{1,255}$/.test(uuid)
    ? { uuid, document: result.value, text }
    : undefined;
}

/** The copy of an earlier lookup; undefined when there is no usable one. */
export function readCachedNova(files: FileSystem): NovaMetadata | undefined {
  try {
    const content = files.readIfPresent(paths.novaMetadata, MOST_BYTES);
    return content === undefined ? undefined : decodeNovaMetadata(content.toString('utf8'));
  } catch (error) {
    if (error instanceof Problem) return undefined; // not readable: an ordinary user may signal as well
    throw error;
  }
}

/**
 * Whether a cached copy is about this instance. An image captured from a running guest contains the copy of that guest, so the copy
 * is compared with cloud-init's id of this instance, which cloud-init finds out at each boot.
 * @param cloudInitId undefined when cloud-init has not run
 * @returns 'unknown' when the two cannot be compared: cloud-init uses an EC2 id for the instance, and the copy does not say which
 *   instance fetched it
 */
export function isOfThisInstance(cached: NovaMetadata, cloudInitId: string | undefined): 'yes' | 'no' | 'unknown' {
  if (cloudInitId === undefined || isSame(cached.uuid, cloudInitId)) return 'yes';
  if (isUuid(cloudInitId)) return 'no';
  const fetchedBy = cached.document[FETCHED_BY];
  if (typeof fetchedBy !== 'string') return 'unknown';
  return fetchedBy === cloudInitId ? 'yes' : 'no';
}

/**
 * Asks Nova about this instance: first the config drive if udev knows one, then the metadata service, then a config drive that has to
 * be searched for. A valid answer is cached.
 * @param cloudInitId cloud-init's id of this instance
 * @param deadline when the programs that read a config drive are ended, on the clock of elapsed()
 * @returns undefined when there is no answer of Nova
 */
export async function fetchNova(
  system: System,
  log: Log,
  service: MetadataService,
  cloudInitId: string | undefined,
  deadline: number,
): Promise<NovaMetadata | undefined> {
  const device = configDriveDevice(system.files);
  const found =
    // Before the network: an instance with a config drive often has no metadata service, and waiting for it takes time.
    (device === undefined ? undefined : decodeIfAny(await readConfigDrive(system, log, device, deadline))) ??
    (await askService(service, log)) ??
    (device === undefined ? decodeIfAny(await searchConfigDrive(system, log, deadline)) : undefined);
  if (found !== undefined) cache(found, cloudInitId, system, log);
  return found;
}

async function askService(service: MetadataService, log: Log): Promise<NovaMetadata | undefined> {
  for (const path of DOCUMENTS) {
    try {
      const { status, body } = await service.get(path);
      const found = status === 200 ? decodeNovaMetadata(body) : undefined;
      if (found !== undefined) return found;
      log.debug(`the metadata service has no metadata of Nova: ${path}: HTTP ${status}`);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      log.debug(error.line);
      return undefined;
    }
  }
  return undefined;
}

function cache(found: NovaMetadata, cloudInitId: string | undefined, { files, self }: System, log: Log): void {
  try {
    const directory = paths.novaMetadata.slice(0, paths.novaMetadata.lastIndexOf('/'));
    files.makePrivateDirectory(directory);
    files.write(paths.novaMetadata, Buffer.from(copyToKeep(found, cloudInitId)), { mode: 0o600, ...self });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    log.debug(`Nova's metadata is not cached: ${error.line}`);
  }
}

/** The document as it was received, if possible. That of a config drive has the administrator's password, which is not copied. */
function copyToKeep({ uuid, document, text }: NovaMetadata, cloudInitId: string | undefined): string {
  const isKnownOtherwise = cloudInitId !== undefined && !isSame(uuid, cloudInitId);
  if (!isKnownOtherwise && !(PASSWORD in document)) return text;
  const { [PASSWORD]: _, ...rest } = document;
  return JSON.stringify(isKnownOtherwise ? { ...rest, [FETCHED_BY]: cloudInitId } : rest);
}

function decodeIfAny(text: string | undefined): NovaMetadata | undefined {
  return text === undefined ? undefined : decodeNovaMetadata(text);
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** True for an id of the form that Nova uses for instances, and cloud-init on an instance of Nova. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

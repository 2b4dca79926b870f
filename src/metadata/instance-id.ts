import { Problem } from '../errors.ts';
import { isRecord, parseJson } from '../json.ts';
import type { Log } from '../logging/log.ts';
import { paths } from '../paths.ts';
import type { FileSystem } from '../system/files/file-system.ts';
import type { System } from '../system/system.ts';
import { type MetadataService, metadataService } from './metadata-service.ts';
import { fetchNova, isOfThisInstance, isUuid, readCachedNova } from './nova.ts';

/**
 * The id of this instance for a signal: Nova's uuid, else cloud-init's instance id, else that of EC2, else the full host name
 * (contract section 2, cfn-signal -i). Uses the network only if no local file has it.
 * @param time milliseconds that this may take
 */
export async function instanceId(system: System, log: Log, time: number): Promise<string> {
  const { files } = system;
  const cloudInitId = readCloudInitId(files);
  const cached = readCachedNova(files);
  const isOurs = cached === undefined ? 'no' : isOfThisInstance(cached, cloudInitId);
  if (cached !== undefined && isOurs === 'yes') return cached.uuid;
  // On an instance of Nova, cloud-init's id is the uuid, from the metadata service as well as from the config drive. Elsewhere
  // (NoCloud) a uuid is the only id: no service has a better one.
  if (cloudInitId !== undefined && isUuid(cloudInitId)) return cloudInitId;

  const deadline = system.clock.elapsed() + time;
  // The service gets half of the time: a config drive may have to be searched for after that.
  const service = metadataService(system, time / 2);
  const nova = await fetchNova(system, log, service, cloudInitId, deadline);
  if (nova !== undefined) return nova.uuid;
  if (cached !== undefined && isOurs === 'unknown') return cached.uuid;
  return cloudInitId ?? (await ec2Id(service)) ?? fullHostName(system.hostname(), readText(files, paths.hosts));
}

async function ec2Id(service: MetadataService): Promise<string | undefined> {
  try {
    const { status, body } = await service.getFromEc2('/latest/meta-data/instance-id');
    const id = body.trim();
    return status === 200 && /^[A-Za-z0-9][\w.:-]{0,127}$/.test(id) ? id : undefined;
  } catch (error) {
    if (error instanceof Problem) return undefined; // already in the log, from the request to Nova
    throw error;
  }
}

/** The host name with its domain, if it has one or /etc/hosts has it. Not from DNS, because a lookup may hang at boot. */
function fullHostName(name: string, hosts: string | undefined): string {
  if (name.includes('.')) return name;
  for (const line of (hosts ?? '').split('\n')) {
    const [, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const full = names.includes(name) ? names.find((candidate) => candidate.includes('.')) : undefined;
    if (full !== undefined) return full;
  }
  return name;
}

const MOST_BYTES = 16 * 1024 * 1024;

/** cloud-init's id of this instance; undefined when cloud-init has not run or has no id. */
export function readCloudInitId(files: FileSystem): string | undefined {
  return (
    cloudInitIdOf(readText(files, paths.cloudInitInstanceId)) ??
    cloudInitIdOf(idInInstanceData(readText(files, paths.cloudInitInstanceData)))
  );
}

/**
 * True when two ids of cloud-init certainly belong to different instances. A uuid and another kind of id may belong to the same one,
 * from two data sources. An unknown id may belong to any.
 */
export function isOtherInstance(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined || isUuid(one) !== isUuid(other)) return false;
  return one.toLowerCase() !== other.toLowerCase();
}

function cloudInitIdOf(text: string | undefined): string | undefined {
  const id = text?.trim();
  // Without a data source every machine has this id, and the signals of two machines would count as one.
  if (id === undefined || id === 'iid-datasource-none') return undefined;
  return /^[\x21-\x7e]{1,255}$/.test(id) ? id : undefined;
}

/** The id in cloud-init's instance data, whose standardised keys are below `v1`. */
function idInInstanceData(text: string | undefined): string | undefined {
  const result = text === undefined ? undefined : parseJson(text);
  if (result === undefined || !('value' in result) || !isRecord(result.value)) return undefined;
  const { v1 } = result.value;
  return isRecord(v1) && typeof v1['instance_id'] === 'string' ? v1['instance_id'] : undefined;
}

/** @returns undefined for a file that an ordinary user, who may signal as well, cannot read */
function readText(files: FileSystem, path: string): string | undefined {
  try {
    return files.readIfPresent(path, MOST_BYTES)?.toString('utf8');
  } catch (error) {
    if (error instanceof Problem) return undefined;
    throw error;
  }
}

import { Problem } from '../errors.ts';
import { isRecord, parseJson } from '../json.ts';
import { paths } from '../paths.ts';
import type { FileSystem } from '../system/file-system.ts';

const MOST_BYTES = 16 * 1024 * 1024;

/** What cloud-init calls this instance, or undefined when it has not run or knows nothing. */
export function readCloudInitId(files: FileSystem): string | undefined {
  return (
    cloudInitIdOf(readText(files, paths.cloudInitInstanceId)) ??
    cloudInitIdOf(idInInstanceData(readText(files, paths.cloudInitInstanceData)))
  );
}

/**
 * True when two ids of cloud-init certainly name two instances. A uuid and another kind of id may name the same one, by two
 * data sources, and an id that is not known names any.
 */
export function isOtherInstance(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined || isUuid(one) !== isUuid(other)) return false;
  return one.toLowerCase() !== other.toLowerCase();
}

/** True for what Nova, and cloud-init on an instance of it, use as the id of an instance. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

function cloudInitIdOf(text: string | undefined): string | undefined {
  const id = text?.trim();
  // Without a data source every machine has the same id, and the signals of two would count as one.
  if (id === undefined || id === 'iid-datasource-none') return undefined;
  return /^[\x21-\x7e]{1,255}$/.test(id) ? id : undefined;
}

/** cloud-init's standardised keys are below `v1`. */
function idInInstanceData(text: string | undefined): string | undefined {
  const result = text === undefined ? undefined : parseJson(text);
  if (result === undefined || !('value' in result) || !isRecord(result.value)) return undefined;
  const { v1 } = result.value;
  return isRecord(v1) && typeof v1['instance_id'] === 'string' ? v1['instance_id'] : undefined;
}

/** @returns undefined for a file that an ordinary user, who may signal as well, cannot read */
export function readText(files: FileSystem, path: string): string | undefined {
  try {
    return files.readIfPresent(path, MOST_BYTES)?.toString('utf8');
  } catch (error) {
    if (error instanceof Problem) return undefined;
    throw error;
  }
}

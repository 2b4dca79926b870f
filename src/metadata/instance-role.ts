import { codeOf, Problem, usageProblem } from '../errors.ts';
import { type Budget, retryWithin } from '../heat/retries.ts';
import { isRecord, parseJson } from '../json.ts';
import type { Log } from '../logging/log.ts';
import { TransientFailure } from '../retry.ts';
import type { System } from '../system/system.ts';
import { MOST_TIME, metadataService } from './metadata-service.ts';

/** Credentials that a metadata service hands to the instance. The caller registers them with the redactor. */
export interface RoleCredentials {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken: string | undefined;
}

const ROLES = '/latest/meta-data/iam/security-credentials/';

/**
 * The credentials of an instance role, from EC2's metadata service (--role, and "roleName" of an authentication block).
 * @param time milliseconds that this may take
 * @param instead what to do when the instance has no role at all, for the hint
 * @throws Problem when the service does not answer (CFN_METADATA_SERVICE_SILENT), does not have the role, or has no credentials for it
 */
export async function roleCredentials(
  system: Pick<System, 'http' | 'clock'>,
  roleName: string,
  time = MOST_TIME,
  instead = 'attach one',
): Promise<RoleCredentials> {
  if (roleName.trim() === '') throw usageProblem('a role without a name', 'an empty variable?');
  const service = metadataService(system, time);
  const where = `the role ${JSON.stringify(roleName)}`;
  const { status, body } = await service.getFromEc2(ROLES + encodeURIComponent(roleName));
  if (status === 200) {
    const credentials = decodeRoleCredentials(body);
    if (typeof credentials !== 'string') return credentials;
    throw new Problem('no credentials from the metadata service', { where, hint: credentials });
  }
  if (status === 404) {
    const roles = await service.getFromEc2(ROLES);
    throw new Problem('the metadata service has no such role', {
      where,
      hint: roles.status === 200 ? rolesHint(roles.body, instead) : noRole(instead),
    });
  }
  throw new Problem(`the metadata service answered with HTTP ${status}`, { where });
}

/**
 * As roleCredentials, but tries again while there is time when the service does not answer: at boot the network may start later than
 * we do.
 * @throws Problem with exit code 75 when the time of `--timeout` is over
 */
export function retriedRoleCredentials(
  system: System,
  log: Log,
  roleName: string,
  budget: Budget,
): Promise<RoleCredentials> {
  const attempt = async (left: number): Promise<RoleCredentials> => {
    try {
      return await roleCredentials(system, roleName, left);
    } catch (error) {
      const isSilent = error instanceof Problem && codeOf(error) === 'CFN_METADATA_SERVICE_SILENT';
      throw isSilent ? new TransientFailure(error) : error;
    }
  };
  return retryWithin(`no credentials for the role ${JSON.stringify(roleName)}`, attempt, budget, {
    clock: system.clock,
    log,
  });
}

/** @returns the credentials, or what is wrong with the answer, without its text, which may contain a secret */
export function decodeRoleCredentials(text: string): RoleCredentials | string {
  const result = parseJson(text);
  if (!('value' in result) || !isRecord(result.value)) return 'its answer is not a JSON object';
  const { Code: code, AccessKeyId: accessKey, SecretAccessKey: secretKey, Token: sessionToken } = result.value;
  if (typeof code === 'string' && code !== 'Success') return `it says ${JSON.stringify(code.slice(0, 100))}`;
  if (!isFilled(accessKey) || !isFilled(secretKey)) return 'its answer has no AccessKeyId and SecretAccessKey';
  return { accessKey, secretKey, sessionToken: isFilled(sessionToken) ? sessionToken : undefined };
}

function isFilled(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function noRole(instead: string): string {
  return `this instance has no role; ${instead}`;
}

function rolesHint(list: string, instead: string): string {
  const names = list.split('\n').map((line) => line.trim());
  const roles = names.filter((name) => /^[\w+=,.@-]{1,128}$/.test(name));
  return roles.length === 0 ? noRole(instead) : `available: ${roles.join(', ')}`;
}

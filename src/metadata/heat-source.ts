import { Problem } from '../errors.ts';
import type { StackResource } from '../heat/answer.ts';
import { decodeBotoConfig } from '../heat/boto-config.ts';
import { type CredentialTools, type CredentialWish, findCredentials } from '../heat/credentials.ts';
import type { Described, HeatAccess, KnownAnswer } from '../heat/describe.ts';
import { type DecodedEndpoint, decodeEndpoint, type TextFile } from '../heat/endpoint.ts';
import { Unasked } from '../heat/failures.ts';
import type { NamedBy } from '../heat/named-by.ts';
import type { AttemptBounds } from '../heat/persist.ts';
import type { Log } from '../log.ts';
import { paths } from '../paths.ts';
import type { Redactor } from '../redact.ts';
import { readSettings } from '../settings.ts';
import type { FileSystem } from '../system/file-system.ts';
import type { System } from '../system/system.ts';
import { readBootFile, readCertificates } from './heat-transport.ts';

/** What a command line, or cfn-hup.conf, says about Heat. */
export interface HeatWish extends CredentialWish {
  /** -u, --url */
  readonly url: string | undefined;
  readonly region: string | undefined;
}

export interface HeatTools {
  readonly system: System;
  readonly log: Log;
  readonly redactor: Redactor;
  /** Reads the file that the command line names. @throws Problem */
  readonly readSecretFile: CredentialTools['readSecretFile'];
  /** In place of one lookup of a role's credentials. @throws Problem */
  readonly roleCredentials?: CredentialTools['roleCredentials'];
}

/**
 * Finds out how Heat is reached: credentials, address, certificates, proxy. Nothing goes over the network yet, but for
 * the credentials of a role.
 * @throws Unasked when there are no credentials or nobody names an address; Problem for what is wrong with either
 */
export async function findHeatAccess(
  wish: HeatWish,
  { system, log, redactor, readSecretFile, roleCredentials }: HeatTools,
): Promise<HeatAccess> {
  const { files } = system;
  const { namedBy } = wish;
  const credentials = await findCredentials(wish, {
    environment: system.environment,
    readSecretFile,
    roleCredentials:
      roleCredentials ??
      (async (role) =>
        (await import('./instance-role.ts')).roleCredentials(system, role, undefined, namedBy.insteadOfRole)),
    onSecret: (secret) => redactor.addSecret(secret),
    warn: (text) => log.warning(text),
  });
  const { endpoint, warnings, secrets } = readEndpoint(wish, files);
  for (const secret of secrets) redactor.addSecret(secret);
  for (const warning of warnings) log.warning(warning);
  if (endpoint === undefined) throw noAddress(namedBy, wish.region);
  return {
    endpoint,
    credentials,
    signature: await signatureSetting(files, log),
    transport: {
      insecure: !endpoint.validatesCertificates,
      insecurely: `set https_validate_certificates = 0 in ${paths.bootBotoConfig}`,
      ...readCertificates(files, endpoint, log),
      proxy: endpoint.proxy,
    },
    namedBy,
  };
}

/** The address and the options of the connection, from what the caller says and what cloud-init brought. @throws Problem */
export function readEndpoint(
  { url, region, namedBy }: Pick<HeatWish, 'url' | 'region' | 'namedBy'>,
  files: FileSystem,
): DecodedEndpoint {
  return decodeEndpoint({
    url: filled(url),
    region: filled(region),
    metadataServer: readBootFile(files, paths.bootMetadataServer),
    botoConfig: readBootFile(files, paths.bootBotoConfig),
    namedBy,
  });
}

/** Nothing names the address. @param given the region that somebody named, which is none of AWS's */
export function noAddress({ url, region }: Pick<NamedBy, 'url' | 'region'>, given = ''): Unasked {
  const places = [paths.bootMetadataServer, paths.bootBotoConfig].map((name) => `${paths.bootData[0]}/${name}`);
  return new Unasked('nothing names the address of heat-api-cfn', {
    where: places.join(', '),
    hint:
      given.trim() === ''
        ? `give ${url}, or on AWS ${region}`
        : `give ${url}; ${region} is ${JSON.stringify(given)}, which is no region of AWS`,
  });
}

/** Asks Heat for a resource. @throws Refused, Unreachable */
export async function fetchFromHeat(
  access: HeatAccess,
  stack: string,
  resource: string,
  tools: Pick<HeatTools, 'system' | 'log'>,
): Promise<StackResource> {
  return (await fetchFromHeatAgain(access, stack, resource, tools, undefined)).resource;
}

/** Asks Heat for a resource of which `known` was the last answer. @throws Refused, Unreachable */
export async function fetchFromHeatAgain(
  access: HeatAccess,
  stack: string,
  resource: string,
  { system, log }: Pick<HeatTools, 'system' | 'log'>,
  known: KnownAnswer | undefined,
): Promise<Described> {
  // Loaded here: hashing costs 5 ms of CPU, which a run without credentials need not pay.
  const { describeStackResource } = await import('../heat/describe.ts');
  return describeStackResource(access, stack, resource, {
    http: system.http,
    clock: system.clock,
    note: (text) => log.info(text),
    known,
  });
}

/** The operator's word on signatures, `signature` in cfntools.conf. */
async function signatureSetting(files: FileSystem, log: Log): Promise<HeatAccess['signature']> {
  const wanted = (await readSettings(files)).get('signature') ?? 'v4';
  if (wanted === 'v2' || wanted === 'v4') return wanted;
  log.warning(`no signature ${JSON.stringify(wanted)}: ${paths.settings}: there are v4 and v2; using v4`);
  return 'v4';
}

/**
 * What cfn-boto-cfg says of attempts and pauses; a file that cannot be read, as by an ordinary user, says nothing.
 * @param log gets a warning of what makes no sense there; undefined where that was said already
 */
export function readAttemptBounds(files: FileSystem, log: Log | undefined): AttemptBounds {
  let file: TextFile | undefined;
  try {
    file = readBootFile(files, paths.bootBotoConfig);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
  const boto = decodeBotoConfig(file?.text ?? '[Boto]');
  for (const oddity of boto.oddities)
    if (/^(?:num_retries|max_retry_delay)\b/.test(oddity)) log?.warning(`${oddity}: ${file?.path}: it is ignored`);
  return {
    attempts: boto.retries === undefined ? Number.POSITIVE_INFINITY : boto.retries + 1,
    longestDelay: boto.longestDelay ?? Number.POSITIVE_INFINITY,
  };
}

function filled(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

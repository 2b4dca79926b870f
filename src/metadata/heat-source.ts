import { Problem, usageProblem } from '../errors.ts';
import type { StackResource } from '../heat/answer.ts';
import { decodeBotoConfig } from '../heat/boto-config.ts';
import { type CredentialOptions, type CredentialTools, findCredentials, isOfKeystone } from '../heat/credentials.ts';
import type { Described, KnownAnswer, QueryAccess } from '../heat/describe.ts';
import { type Bounds, type DecodedEndpoint, decodeEndpoint, type TextFile } from '../heat/endpoint.ts';
import { createNativeMemory, type NativeMemory } from '../heat/keystone.ts';
import type { KeystoneCredentials } from '../heat/keystone-credentials.ts';
import type { NamedBy } from '../heat/named-by.ts';
import type { NativeAccess } from '../heat/native-describe.ts';
import type { AttemptBounds } from '../heat/retries.ts';
import type { Log } from '../logging/log.ts';
import { paths } from '../paths.ts';
import type { Redactor } from '../redact.ts';
import { readSettings } from '../settings.ts';
import { unprintable } from '../signing/credentials.ts';
import type { FileSystem } from '../system/files/file-system.ts';
import type { System } from '../system/system.ts';
import { readBootFile, readCertificates, transportsTo } from './heat-transport.ts';

/** What a command line, or cfn-hup.conf, says about Heat. */
export interface HeatOptions extends CredentialOptions {
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
  /** Replaces the single lookup of the credentials of a role. @throws Problem */
  readonly roleCredentials?: CredentialTools['roleCredentials'];
  /** Answers of keystone and Heat's own API, kept by a process that asks repeatedly. */
  readonly memory?: NativeMemory;
}

/** heat-api-cfn with a signature, or Heat's own API with a token of keystone; depends on the credentials. */
export type HeatAccess = QueryAccess | NativeAccess;

/**
 * Finds out how to reach Heat: credentials, address, certificates, proxy. Nothing is sent over the network yet, except to get the
 * credentials of a role.
 * @throws Problem, with the code CFN_HEAT_NOT_ASKED when there are no credentials or no address is set
 */
export async function findHeatAccess(options: HeatOptions, tools: HeatTools): Promise<HeatAccess> {
  const { system, log, redactor, readSecretFile, roleCredentials } = tools;
  const { files } = system;
  const { namedBy } = options;
  const credentials = await findCredentials(options, {
    environment: system.environment,
    readSecretFile,
    roleCredentials:
      roleCredentials ??
      (async (role) =>
        (await import('./instance-role.ts')).roleCredentials(system, role, undefined, namedBy.insteadOfRole)),
    onSecret: (secret) => redactor.addSecret(secret),
    warn: (text) => log.warning(text),
  });
  if (isOfKeystone(credentials)) return nativeAccess(credentials, options, tools);
  const { endpoint, warnings, attemptWarnings, secrets } = readEndpoint(options, files);
  for (const secret of secrets) redactor.addSecret(secret);
  for (const warning of [...warnings, ...attemptWarnings]) log.warning(warning);
  if (endpoint === undefined) throw noAddress(namedBy, options.region);
  requireRegion(endpoint.region, filled(options.region) === undefined ? undefined : namedBy);
  return {
    kind: 'query',
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

/** @param namedBy where it is set; undefined for cfn-boto-cfg @throws Problem when it cannot be part of a header, as in a signature */
function requireRegion(region: string, namedBy: NamedBy | undefined): void {
  const odd = unprintable(region);
  if (odd === undefined) return;
  const fault = `has a character that a region cannot have, ${odd}`;
  if (namedBy !== undefined) throw usageProblem(`${namedBy.region} ${fault}`, 'check its quoting');
  throw new Problem(`cfn_region_name ${fault}`, {
    where: `${paths.bootData[0]}/${paths.bootBotoConfig}`,
    hint: 'correct it',
  });
}

function nativeAccess(
  credentials: KeystoneCredentials,
  { url, namedBy }: HeatOptions,
  { system: { files }, log, redactor, memory = createNativeMemory() }: HeatTools,
): NativeAccess {
  const { endpoint, bounds, attemptWarnings } = readEndpoint({ url, region: undefined, namedBy }, files);
  // transportsTo logs the warnings about connections.
  for (const warning of attemptWarnings) log.warning(warning);
  const { caFile } = credentials;
  const insecurely = `name the file of its CA in ${credentials.isHandedOut ? 'SSL_CERT_FILE' : 'OS_CACERT'}`;
  const ownTrust = caFile === undefined ? undefined : { caFile, setting: 'OS_CACERT' };
  return {
    kind: 'native',
    credentials,
    url: filled(url) === undefined ? undefined : endpoint?.url,
    transportTo: transportsTo({ files, log, redactor }, { ownTrust, insecurely }),
    bounds,
    memory,
    onSecret: (secret) => redactor.addSecret(secret),
    namedBy,
  };
}

/** The server that was asked, for messages. */
export function addressOf(access: HeatAccess): string {
  if (access.kind === 'query') return access.endpoint.url;
  return access.url ?? `heat, from the catalogue of ${access.credentials.authUrl}`;
}

/** How often and how long Heat is asked, with either API. */
export function boundsOf(access: HeatAccess): Bounds {
  return access.kind === 'query' ? access.endpoint : access.bounds;
}

/** The address and the options of the connection, from the caller and from the files that cloud-init wrote. @throws Problem */
export function readEndpoint(
  { url, region, namedBy }: Pick<HeatOptions, 'url' | 'region' | 'namedBy'>,
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

/** The error for a missing address. @param given the configured region, which is not an AWS region */
export function noAddress({ api, url, region }: NamedBy, given = ''): Problem {
  const places = [paths.bootMetadataServer, paths.bootBotoConfig].map((name) => `${paths.bootData[0]}/${name}`);
  return new Problem(`no address is set for ${api}`, {
    code: 'CFN_HEAT_NOT_ASKED',
    where: places.join(', '),
    hint:
      given.trim() === ''
        ? `use ${url}, or on AWS ${region}`
        : `use ${url}; ${region} is ${JSON.stringify(given)}, which is not an AWS region`,
  });
}

/** Asks Heat for the metadata of a resource. @throws Problem, with the codes of describeStackResource */
export async function fetchFromHeat(
  access: HeatAccess,
  stack: string,
  resource: string,
  tools: Pick<HeatTools, 'system' | 'log'>,
): Promise<StackResource> {
  return (await ask(access, stack, resource, tools, undefined, false)).resource;
}

/**
 * Asks Heat for a resource and its state; `known` is the last answer.
 * @param attempts replaces the configured number
 * @throws Problem, with the codes of describeStackResource
 */
export async function fetchFromHeatAgain(
  access: HeatAccess,
  stack: string,
  resource: string,
  tools: Pick<HeatTools, 'system' | 'log'>,
  { known, attempts }: { readonly known: KnownAnswer | undefined; readonly attempts: number },
): Promise<Described> {
  const bounds = { ...boundsOf(access), attempts };
  const bounded: HeatAccess =
    access.kind === 'query' ? { ...access, endpoint: { ...access.endpoint, attempts } } : { ...access, bounds };
  return ask(bounded, stack, resource, tools, known, true);
}

/** Loads the API here, because hashing costs 5 ms of CPU, which a run without credentials does not need. */
async function ask(
  access: HeatAccess,
  stack: string,
  resource: string,
  { system: { http, clock }, log }: Pick<HeatTools, 'system' | 'log'>,
  known: KnownAnswer | undefined,
  withStatus: boolean,
): Promise<Described> {
  const note = (text: string): void => log.info(text);
  if (access.kind === 'native') {
    const { describeNatively } = await import('../heat/native-describe.ts');
    return describeNatively(access, stack, resource, { http, clock, note, known, withStatus });
  }
  const { describeStackResource } = await import('../heat/describe.ts');
  return describeStackResource(access, stack, resource, { http, clock, note, known });
}

/** The version of signatures, `signature` in cfntools.conf. */
async function signatureSetting(files: FileSystem, log: Log): Promise<QueryAccess['signature']> {
  const wanted = (await readSettings(files)).get('signature') ?? 'v4';
  if (wanted === 'v2' || wanted === 'v4') return wanted;
  log.warning(`unknown signature ${JSON.stringify(wanted)}: ${paths.settings}: use v4 or v2; using v4`);
  return 'v4';
}

/**
 * The attempts and pauses that cfn-boto-cfg sets. A file that cannot be read, for example by an ordinary user, sets nothing.
 * @param log gets a warning about invalid settings; undefined where there was one already
 */
export function readAttemptBounds(files: FileSystem, log: Log | undefined): AttemptBounds {
  let file: TextFile | undefined;
  try {
    file = readBootFile(files, paths.bootBotoConfig);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
  const boto = decodeBotoConfig(file?.text ?? '[Boto]');
  for (const warning of boto.attemptWarnings) log?.warning(`${warning}: ${file?.path}: it is ignored`);
  return {
    attempts: boto.retries === undefined ? Number.POSITIVE_INFINITY : boto.retries + 1,
    longestDelay: boto.longestDelay ?? Number.POSITIVE_INFINITY,
  };
}

function filled(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

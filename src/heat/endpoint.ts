import { usageProblem } from '../errors.ts';
import { baseUrlOf, shownUrl, splitUrl } from '../url.ts';
import { type BotoConfig, decodeBotoConfig } from './boto-config.ts';
import type { NamedBy } from './named-by.ts';

/** What cfn-boto-cfg says about connections to Heat. */
export interface ConnectionSettings {
  readonly validatesCertificates: boolean;
  /** Certificates to trust besides the machine's. */
  readonly caFile: string | undefined;
  /** Used where neither the command line nor the environment names one. */
  readonly proxy: string | undefined;
}

/** How long, and how often, something is asked for. */
export interface Bounds {
  /** Milliseconds for one exchange. */
  readonly timeout: number;
  readonly attempts: number;
  /** Milliseconds between two attempts at most. */
  readonly longestDelay: number;
}

/** Where the query API is, and how to talk to it. */
export interface Endpoint extends ConnectionSettings, Bounds {
  /** The base URL: it ends with a slash, its host is in lower case, and a port that is the scheme's own is left out. */
  readonly url: string;
  /** Who named it: an option, a key of a configuration file, or a file. */
  readonly from: string;
  /** The region that signatures name. Heat takes any. */
  readonly region: string;
}

/** A file of the guest, when it is there and not empty. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
}

export interface EndpointSources {
  /** -u, --url */
  readonly url: string | undefined;
  /** --region */
  readonly region: string | undefined;
  readonly metadataServer: TextFile | undefined;
  readonly botoConfig: TextFile | undefined;
  readonly namedBy: NamedBy;
}

export interface DecodedEndpoint {
  /** Undefined when nothing names one. */
  readonly endpoint: Endpoint | undefined;
  readonly settings: ConnectionSettings;
  readonly bounds: Bounds;
  /** Of the address and of connections. */
  readonly warnings: readonly string[];
  /** Of attempts and pauses. */
  readonly attemptWarnings: readonly string[];
  /** For the redactor. */
  readonly secrets: readonly string[];
}

const HEAT_PORT = 8000;
/** Where heat-api-cfn answers; at its root it only lists its versions. */
const HEAT_PATH = '/v1/';
/** Milliseconds. */
const TIMEOUT = 30_000;
const ATTEMPTS = 6;
/** The back-off has a bound of its own; this one is for what a server asks for. */
const LONGEST_DELAY = Number.POSITIVE_INFINITY;
const AWS_REGION = /^[a-z]{2}(-[a-z]+)+-\d+$/;

/**
 * Finds the base URL and the options of the connection (contract section 4): --url, else cfn-metadata-server in full,
 * else cfn_region_endpoint of cfn-boto-cfg, else CloudFormation itself when --region is one of its regions.
 * @throws Problem with exit code 2 when --url is none
 */
export function decodeEndpoint(sources: EndpointSources): DecodedEndpoint {
  const boto = sources.botoConfig === undefined ? undefined : decodeBotoConfig(sources.botoConfig.text);
  const ignored = (warning: string): string => `${warning}: ${sources.botoConfig?.path}: ignored`;
  const warnings = boto?.warnings.map(ignored) ?? [];
  const base = findBaseUrl(sources, boto, warnings);
  const settings: ConnectionSettings = {
    validatesCertificates: boto?.validatesCertificates ?? true,
    caFile: boto?.caFile,
    proxy: boto?.proxy,
  };
  const bounds: Bounds = {
    timeout: boto?.timeout ?? TIMEOUT,
    attempts: boto?.retries === undefined ? ATTEMPTS : boto.retries + 1,
    longestDelay: boto?.longestDelay ?? LONGEST_DELAY,
  };
  const endpoint: Endpoint | undefined = base && {
    ...base,
    ...settings,
    ...bounds,
    region: sources.region ?? regionOfHost(base.url) ?? boto?.regionName ?? 'heat',
  };
  return {
    endpoint,
    settings,
    bounds,
    warnings,
    attemptWarnings: boto?.attemptWarnings.map(ignored) ?? [],
    secrets: boto?.proxyPassword === undefined ? [] : [boto.proxyPassword],
  };
}

function findBaseUrl(
  { url, region, metadataServer, botoConfig, namedBy }: EndpointSources,
  boto: BotoConfig | undefined,
  warnings: string[],
): Pick<Endpoint, 'url' | 'from'> | undefined {
  if (url !== undefined) {
    const normal = baseUrlOf(url);
    if (normal === undefined)
      throw usageProblem(
        `not the base URL of an API: ${shownUrl(url)}`,
        'write it as http://HOST:PORT/PATH/, without a user or a query',
      );
    return { url: normal, from: namedBy.url };
  }
  if (metadataServer !== undefined) {
    const normal = baseUrlOf(metadataServer.text);
    if (normal !== undefined) return { url: withHeatPath(normal), from: metadataServer.path };
    warnings.push(`not the URL of a server: ${metadataServer.path}: ignored`);
  }
  if (botoConfig !== undefined && boto?.regionEndpoint !== undefined) {
    const normal = baseUrlOf(regionUrl(boto.regionEndpoint, boto.isSecure === true));
    if (normal !== undefined) return { url: withHeatPath(normal), from: botoConfig.path };
    warnings.push(`cfn_region_endpoint is not a host: ${botoConfig.path}: ignored`);
  }
  if (region !== undefined && AWS_REGION.test(region)) {
    const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
    return { url: `https://cloudformation.${region}.${domain}/`, from: namedBy.region };
  }
  return undefined;
}

/** HOST, HOST:PORT, an IPv6 address with or without brackets, or a whole URL. */
function regionUrl(endpoint: string, isSecure: boolean): string {
  if (/^https?:\/\//i.test(endpoint)) return endpoint;
  const host = /^[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*$/i.test(endpoint) ? `[${endpoint}]` : endpoint;
  const port = /:\d+$/.test(host.replace(/^\[.*\]/, '')) ? '' : `:${HEAT_PORT}`;
  return `${isSecure ? 'https' : 'http'}://${host}${port}${HEAT_PATH}`;
}

/** Heat wrote cfn-metadata-server without its path for years. Source: heat, get_cfn_metadata_server_url. */
function withHeatPath(url: string): string {
  return splitUrl(url).target === '/' ? url.slice(0, -1) + HEAT_PATH : url;
}

/** cloudformation.REGION.amazonaws.com, and the private endpoints VPCE.cloudformation.REGION.vpce.amazonaws.com. */
function regionOfHost(url: string): string | undefined {
  return /(?:^|\.)cloudformation(?:-fips)?\.([a-z0-9-]+)\.(?:vpce\.)?amazonaws\.com(?:\.cn)?$/.exec(
    splitUrl(url).host,
  )?.[1];
}

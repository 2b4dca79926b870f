import { Problem } from '../errors.ts';
import type { Endpoint, EndpointSources, TextFile } from '../heat/endpoint.ts';
import { BY_OPTIONS } from '../heat/named-by.ts';
import type { Log } from '../logging/log.ts';
import { paths } from '../paths.ts';
import type { Redactor } from '../redact.ts';
import type { FileSystem } from '../system/files/file-system.ts';
import type { Transport } from '../system/http/http.ts';
import { hasCertificate } from '../system/http/trust.ts';
import { splitUrl } from '../url.ts';

/** Larger than any of these files. */
const MOST_BYTES = 1024 * 1024;

export interface TransportTools {
  readonly files: FileSystem;
  readonly log: Log;
  readonly redactor: Redactor;
}

/**
 * What cfn-boto-cfg says about certificates and the proxy, for a URL of Heat's host: the one that cfn-metadata-server or
 * cfn_region_endpoint names, on any port, since Heat answers on several. For other hosts it says nothing.
 * @param isOfHeat the URL is Heat's where neither file names a host
 */
export async function transportTo(
  url: string,
  { files, log, redactor }: TransportTools,
  isOfHeat = false,
): Promise<Transport> {
  const botoConfig = readIfAllowed(files, paths.bootBotoConfig, log);
  if (botoConfig === undefined) return {};
  const { decodeEndpoint } = await import('../heat/endpoint.ts');
  const metadataServer = readIfAllowed(files, paths.bootMetadataServer, log);
  const sources: EndpointSources = {
    url: undefined,
    region: undefined,
    metadataServer,
    botoConfig,
    namedBy: BY_OPTIONS,
  };
  const { endpoint, settings, warnings, secrets } = decodeEndpoint(sources);
  const other = decodeEndpoint({ ...sources, metadataServer: undefined }).endpoint;
  const hosts = [endpoint, other].flatMap((named) => (named === undefined ? [] : [splitUrl(named.url).host]));
  if (hosts.length === 0 ? !isOfHeat : !hosts.includes(splitUrl(url).host)) return {};
  for (const secret of secrets) redactor.addSecret(secret);
  for (const warning of warnings) log.warning(warning);
  return {
    insecure: !settings.validatesCertificates,
    proxy: settings.proxy,
    ...readCertificates(files, { url, caFile: settings.caFile }, log),
  };
}

export interface TransportOptions {
  /** Certificates that are to be trusted on these connections besides. */
  readonly ownTrust?: { readonly caFile: string; readonly setting: string } | undefined;
  readonly insecure?: boolean;
  readonly insecurely?: string;
}

/**
 * transportTo for requests to Heat and what belongs to it: what the files say of a host is read, and complained about, once.
 */
export function transportsTo(
  tools: TransportTools,
  { ownTrust, ...own }: TransportOptions,
): (url: string) => Promise<Transport> {
  const known = new Map<string, Promise<Transport>>();
  const make = async (url: string): Promise<Transport> => ({
    ...(await transportTo(url, tools, true)),
    ...(ownTrust === undefined
      ? {}
      : readCertificates(tools.files, { url, caFile: ownTrust.caFile }, tools.log, ownTrust.setting)),
    ...own,
  });
  return (url) => {
    const { scheme, host } = splitUrl(url);
    const key = `${scheme}://${host}`;
    const transport = known.get(key) ?? make(url);
    known.set(key, transport);
    return transport;
  };
}

/** These files are root's. An ordinary user may send a signal as well, and does without them. */
function readIfAllowed(files: FileSystem, name: string, log: Log): TextFile | undefined {
  try {
    return readBootFile(files, name);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    log.info(`${error.line}: it is ignored`);
    return undefined;
  }
}

/** The first of the two boot directories that has the file decides; an empty one is as good as none. */
export function readBootFile(files: FileSystem, name: string): TextFile | undefined {
  for (const directory of paths.bootData) {
    const path = `${directory}/${name}`;
    const text = files.readIfPresent(path, MOST_BYTES)?.toString('utf8');
    if (text !== undefined && text.trim() !== '') return { path, text };
  }
  return undefined;
}

/**
 * A CA file that cannot be used is no reason not to try: the machine may know the CA as well.
 * @param setting that names the file
 */
export function readCertificates(
  files: FileSystem,
  { url, caFile }: Pick<Endpoint, 'url' | 'caFile'>,
  log: Log,
  setting = 'ca_certificates_file',
): Pick<Transport, 'trust' | 'trustFault'> {
  if (caFile === undefined || !/^https:/i.test(url)) return {};
  try {
    const trust = files.read(caFile, MOST_BYTES).toString('utf8');
    if (hasCertificate(trust)) return { trust };
    throw new Problem('there is no certificate in it, in PEM', { where: caFile });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const trustFault = `${setting} cannot be used: ${error.line}`;
    log.warning(`${trustFault}: it is ignored`);
    return { trustFault };
  }
}

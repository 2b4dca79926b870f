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
 * The settings of cfn-boto-cfg for certificates and the proxy, for a URL on Heat's host. This is the host in cfn-metadata-server or
 * cfn_region_endpoint, with any port, because Heat uses several. The settings do not apply to other hosts.
 * @param isOfHeat whether the URL is of Heat where neither file names a host
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
  /** Additional certificates to trust on these connections. */
  readonly ownTrust?: { readonly caFile: string; readonly setting: string } | undefined;
  readonly insecure?: boolean;
  readonly insecurely?: string;
}

/**
 * transportTo for requests to Heat and its services. The settings for a host are read only once, so a warning is logged only once.
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

/** These files belong to root. An ordinary user, who may send a signal as well, cannot read them and goes on without. */
function readIfAllowed(files: FileSystem, name: string, log: Log): TextFile | undefined {
  try {
    return readBootFile(files, name);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    log.info(`${error.line}: it is ignored`);
    return undefined;
  }
}

/** Reads the file from the first boot directory that has it; an empty file counts as missing. */
export function readBootFile(files: FileSystem, name: string): TextFile | undefined {
  for (const directory of paths.bootData) {
    const path = `${directory}/${name}`;
    const text = files.readIfPresent(path, MOST_BYTES)?.toString('utf8');
    if (text !== undefined && text.trim() !== '') return { path, text };
  }
  return undefined;
}

/**
 * Reads a CA file. An unusable file is only a warning: the machine itself may trust the CA.
 * @param setting the setting that names the file
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
    throw new Problem('it has no certificate in PEM format', { where: caFile });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const trustFault = `${setting} cannot be used: ${error.line}`;
    log.warning(`${trustFault}: it is ignored`);
    return { trustFault };
  }
}

import { parseSwitch } from '../config/values.ts';
import { parsePythonIni, valuesOf } from '../python-ini.ts';

/** The settings of cfn-boto-cfg (contract section 4); a key that is missing or not understood is undefined. */
export interface BotoConfig {
  readonly isSecure: boolean | undefined;
  readonly validatesCertificates: boolean | undefined;
  readonly regionName: string | undefined;
  readonly regionEndpoint: string | undefined;
  /** Certificates to trust in addition to the machine's. */
  readonly caFile: string | undefined;
  /** Milliseconds. */
  readonly timeout: number | undefined;
  readonly retries: number | undefined;
  /** Milliseconds. */
  readonly longestDelay: number | undefined;
  /** As a URL, with user and password. */
  readonly proxy: string | undefined;
  readonly proxyPassword: string | undefined;
  /** What makes no sense in it, without the values: of connections, and of the file itself. */
  readonly warnings: readonly string[];
  /** The same of attempts and pauses. */
  readonly attemptWarnings: readonly string[];
}

/** Seconds, retries: more is a mistake and would delay a boot. */
const LONGEST_SECONDS = 3600;
const MOST_RETRIES = 100;

/** Decodes the section [Boto] of cfn-boto-cfg. Source: boto's documentation, "Boto Config". */
export function decodeBotoConfig(text: string): BotoConfig {
  const ini = parsePythonIni(text);
  const warnings = ini.faults.map(({ line, what }) => (line === undefined ? what : `line ${line}: ${what}`));
  const attemptWarnings: string[] = [];
  const values = valuesOf(ini, 'Boto');
  if (!ini.sections.has('Boto')) warnings.push('there is no section [Boto]');

  const textOf = (key: string): string | undefined => {
    const value = values.get(key)?.trim();
    return value === undefined || value === '' || value === 'None' ? undefined : value;
  };
  const decode = <T>(
    key: string,
    expected: string,
    read: (value: string) => T | undefined,
    found = warnings,
  ): T | undefined => {
    const value = textOf(key);
    if (value === undefined) return undefined;
    const result = read(value);
    if (result === undefined) found.push(`${key} is not ${expected}`);
    return result;
  };
  const flag = (key: string): boolean | undefined => decode(key, 'true or false', parseSwitch);
  const seconds = (key: string, found = warnings): number | undefined => {
    const value = decode(key, 'a number of seconds', (text) => parseNumber(text, LONGEST_SECONDS), found);
    return value === undefined ? undefined : value * 1000;
  };
  const timeout = seconds('http_socket_timeout');
  const caFile = decode('ca_certificates_file', 'an absolute path', (value) =>
    value === 'system' || value.startsWith('/') ? value : undefined,
  );
  const proxy = textOf('proxy');
  const proxyUrl = proxy === undefined ? undefined : proxyUrlOf(proxy, textOf);
  if (proxy !== undefined && proxyUrl === undefined)
    warnings.push('proxy and proxy_port are not the address of a proxy');
  return {
    isSecure: flag('is_secure'),
    validatesCertificates: flag('https_validate_certificates'),
    regionName: textOf('cfn_region_name'),
    regionEndpoint: textOf('cfn_region_endpoint'),
    // "system" is boto's word for the machine's own certificates, which are always trusted.
    caFile: caFile === 'system' ? undefined : caFile,
    timeout: timeout === 0 ? undefined : timeout,
    retries: decode(
      'num_retries',
      'a number of retries',
      (value) => (/^\d+$/.test(value) ? parseNumber(value, MOST_RETRIES) : undefined),
      attemptWarnings,
    ),
    longestDelay: seconds('max_retry_delay', attemptWarnings),
    proxy: proxyUrl,
    proxyPassword: textOf('proxy_pass'),
    warnings,
    attemptWarnings,
  };
}

function parseNumber(value: string, most: number): number | undefined {
  const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
  return number <= most ? number : undefined;
}

function proxyUrlOf(host: string, textOf: (key: string) => string | undefined): string | undefined {
  const port = textOf('proxy_port');
  const user = textOf('proxy_user');
  const login =
    user === undefined ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(textOf('proxy_pass') ?? '')}@`;
  const [, scheme = 'http://', place = ''] = /^((?:https?|socks|socks5h?):\/\/)?([^/]*)\/?$/i.exec(host) ?? [];
  const url = `${scheme}${login}${place}${port === undefined ? '' : `:${port}`}`;
  return place !== '' && URL.canParse(url) ? url : undefined;
}

import { Problem } from '../errors.ts';
import { splitUrl } from '../url.ts';
import type { Environment } from './exec.ts';
import type { ProxyChoice } from './http.ts';

/** The metadata service answers on the link only: through a proxy it would be another machine's. */
const NEVER_PROXIED = new Set(['169.254.169.254', '[fe80::a9fe:a9fe]']);

/**
 * The proxy for a URL, or undefined to go directly: the command line's, else the environment's (http_proxy, https_proxy,
 * no_proxy, as curl reads them; upper-case HTTP_PROXY is left out, since a web server can set it from a header), else
 * `last`, which no_proxy holds for as well.
 */
export function chooseProxy(
  url: string,
  choice: ProxyChoice,
  environment: Environment,
  last?: string,
): string | undefined {
  const { scheme, host, port } = splitUrl(url);
  if (NEVER_PROXIED.has(host)) return undefined;
  const given = scheme === 'https' ? choice.https : choice.http;
  const variable = isExempt(host, port, environment) ? undefined : variableOf(scheme, environment);
  const fallback = isExempt(host, port, environment) ? undefined : last;
  const proxy = given ?? (variable === undefined ? fallback : environment[variable]);
  if (proxy === undefined || proxy === '') return undefined;
  const full = /^[a-z]+:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
  if (URL.canParse(full)) return full;
  // Not its value: in what is no URL nobody can tell where a password ends.
  throw new Problem('not a proxy URL', {
    where: given === undefined ? (variable ?? 'the proxy of cfn-boto-cfg') : `--${scheme}-proxy`,
    hint: 'write it as http://HOST:PORT',
  });
}

/** The variable of the environment that names the proxy. */
function variableOf(scheme: string, environment: Environment): string | undefined {
  const names = scheme === 'https' ? ['https_proxy', 'HTTPS_PROXY'] : ['http_proxy'];
  return [...names, 'all_proxy', 'ALL_PROXY'].find((name) => (environment[name] ?? '') !== '');
}

function isExempt(host: string, port: number, environment: Environment): boolean {
  const list = environment['no_proxy'] ?? environment['NO_PROXY'] ?? '';
  return list
    .split(/[\s,]+/)
    .filter((item) => item !== '')
    .some((item) => {
      if (item === '*') return true;
      // An IPv6 address may stand there without the brackets that a URL gives it.
      if (`[${item.toLowerCase()}]` === host) return true;
      const [, name = '', onlyPort] = /^\*?\.?(.+?)(?::(\d+))?$/.exec(item.toLowerCase()) ?? [];
      if (onlyPort !== undefined && Number(onlyPort) !== port) return false;
      return host === name || host.endsWith(`.${name}`);
    });
}

import { BlockList, isIP } from 'node:net';
import { ExitCode, Problem } from '../../errors.ts';
import { percentDecode } from '../../percent-encoding.ts';
import { splitUrl } from '../../url.ts';
import type { Environment } from '../programs/exec.ts';
import type { ProxyChoice } from './http.ts';
import { canonicalHost, isLinkLocal } from './link-local.ts';

/** A proxy, and the setting that names it. */
export interface NamedProxy {
  readonly scheme: 'http' | 'https' | 'socks5' | 'socks5h';
  /** An IPv6 address has its brackets. */
  readonly host: string;
  readonly port: number;
  /** The password may be empty. */
  readonly login: { readonly user: string; readonly password: string } | undefined;
  /** For messages: its address, and the variable, option or key that names it. No password. */
  readonly title: string;
}

const DEFAULT_PORTS = { http: 80, https: 443, socks5: 1080, socks5h: 1080 } as const;
/** GNOME and others write socks:// for SOCKS version 5. */
const SCHEMES = new Map<string, NamedProxy['scheme']>([
  ['http', 'http'],
  ['https', 'https'],
  ['socks', 'socks5h'],
  ['socks5', 'socks5'],
  ['socks5h', 'socks5h'],
]);
const LARGEST_PORT = 65_535;

/**
 * The proxy for a URL, or undefined to connect directly. The first of these that is set is used: the option of the command line; the
 * environment (http_proxy, https_proxy, all_proxy, as curl reads them); the proxy in cfn-boto-cfg. no_proxy applies to the last two.
 * Upper-case HTTP_PROXY is ignored, because a web server can set it from a header. A link-local address is never reached through a
 * proxy: there it would be that of another machine.
 * @throws Problem for a text that is not a usable proxy
 */
export function chooseProxy(
  url: string,
  choice: ProxyChoice,
  environment: Environment,
  ofBoto?: string,
): NamedProxy | undefined {
  const { scheme, host, port } = splitUrl(url);
  const option = scheme === 'https' ? choice.https : choice.http;
  const variables = scheme === 'https' ? ['https_proxy', 'HTTPS_PROXY'] : ['http_proxy'];
  const variable = [...variables, 'all_proxy', 'ALL_PROXY'].find((name) => isFilled(environment[name]));
  const named = option ?? (variable === undefined ? ofBoto : environment[variable]);
  if (!isFilled(named) || isLinkLocal(host)) return undefined;
  if (option !== undefined) return parseProxy(option, `--${scheme}-proxy`);
  const exempt = [environment['no_proxy'], environment['NO_PROXY']].find(isFilled);
  if (exempt !== undefined && isExempt(host, port, exempt)) return undefined;
  return parseProxy(named, variable ?? 'proxy in cfn-boto-cfg');
}

/**
 * Reads `[SCHEME://][USER:PASSWORD@]HOST[:PORT]`. Text after the port is ignored, as curl does. Special characters in the login
 * may be percent-encoded or not.
 * @param from the setting that it comes from
 * @returns undefined for a blank text
 * @throws Problem when it is not a usable proxy, with exit code 2 where it comes from an option
 */
export function parseProxy(text: string, from: string): NamedProxy | undefined {
  if (!isFilled(text)) return undefined;
  const [, word = 'http', rest = ''] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(text.trim()) ?? [];
  const scheme = SCHEMES.get(word.toLowerCase());
  if (scheme === undefined) throw notUsable(`unsupported proxy scheme ${word.toLowerCase()}://`, from);
  // The last @ ends the login: a password may contain one.
  const at = rest.lastIndexOf('@');
  const place = /^(\[[0-9a-f:.]+\]|[^\s/?#:[\]\\$]+)(?::(\d+))?(?:[/?#].*)?$/is.exec(rest.slice(at + 1));
  const port = Number(place?.[2] ?? DEFAULT_PORTS[scheme]);
  const host = URL.parse(`http://${place?.[1] ?? ''}/`)?.hostname ?? '';
  // Without the value: in a text that is not a URL, the end of a password is unknown.
  if (host === '' || port < 1 || port > LARGEST_PORT) throw notUsable('not the URL of a proxy', from);
  return {
    scheme,
    host,
    port,
    login: at < 0 ? undefined : loginOf(rest.slice(0, at)),
    title: `the proxy ${word.toLowerCase()}://${host}:${port} (${from})`,
  };
}

function notUsable(what: string, from: string): Problem {
  return new Problem(what, {
    where: from,
    hint: 'write it as http://HOST:PORT; https://, socks5:// and socks5h:// work as well',
    exitCode: from.startsWith('--') ? ExitCode.usage : ExitCode.failed,
  });
}

function loginOf(text: string): NamedProxy['login'] {
  const colon = text.indexOf(':');
  const [user, password] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
  // A `%` that does not begin an encoded character is kept.
  return { user: percentDecode(user), password: percentDecode(password) };
}

function isFilled(text: string | undefined): text is string {
  return text !== undefined && text.trim() !== '';
}

/**
 * True when a list in the form of no_proxy contains a host. The rules are those of curl (CURLOPT_NOPROXY, lib/noproxy.c): `*` matches
 * every host; a name matches itself and all names below it, with or without a dot before or after it; an address matches itself, and
 * with `/BITS` a range. In addition, as in other programs: `*.NAME`, NAME:PORT, and an IPv6 address in brackets.
 * @param host as splitUrl returns it
 */
function isExempt(host: string, port: number, list: string): boolean {
  const name = canonicalHost(host).replace(/\.$/, '');
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((item) => item === '*' || (isIP(name) === 0 ? namesHost(item, name, port) : namesAddress(item, name, port)));
}

function namesHost(item: string, name: string, port: number): boolean {
  const [, suffix = '', onlyPort] = /^\*?\.?(.+?)\.?(?::(\d+))?$/.exec(item) ?? [];
  return suffix !== '' && isPort(onlyPort, port) && (name === suffix || name.endsWith(`.${suffix}`));
}

function namesAddress(item: string, address: string, port: number): boolean {
  const form = /^(?:\[([^\]]+)\]|([^/]+?))(?:\/(\d*)|:(\d+))?$/;
  const [, inBrackets, plain, bits, onlyPort] = isIP(item) === 6 ? [item, item] : (form.exec(item) ?? []);
  const network = inBrackets ?? plain ?? '';
  const family = isIP(network);
  if (family !== isIP(address) || !isPort(onlyPort, port)) return false;
  const all = family === 6 ? 128 : 32;
  // As in curl, a range of no bits is the address alone.
  const prefix = Number(bits ?? 0) || all;
  if (prefix > all) return false;
  const range = new BlockList();
  const kind = family === 6 ? 'ipv6' : 'ipv4';
  range.addSubnet(network, prefix, kind);
  return range.check(address, kind);
}

function isPort(only: string | undefined, port: number): boolean {
  return only === undefined || Number(only) === port;
}

import { BlockList, isIP } from 'node:net';
import { canonicalHost } from './link-local.ts';

/**
 * True when a list in the form of no_proxy names a host. The rules are curl's (CURLOPT_NOPROXY, lib/noproxy.c): `*` is every
 * host; a name is itself and all names below it, with or without a dot in front or behind; an address is itself, and with
 * `/BITS` a range. Besides, as other programs have it: `*.NAME`, NAME:PORT, and an IPv6 address in brackets.
 * @param host as splitUrl gives it
 */
export function isExempt(host: string, port: number, list: string): boolean {
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
  // curl takes a range of no bits for the address alone.
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

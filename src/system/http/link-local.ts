import { BlockList, isIP } from 'node:net';
import { Problem } from '../../errors.ts';
import { once } from '../../once.ts';
import { withoutBrackets } from '../../url.ts';

const linkLocal = once(() => {
  const addresses = new BlockList();
  addresses.addSubnet('169.254.0.0', 16, 'ipv4');
  addresses.addSubnet('fe80::', 10, 'ipv6');
  // The metadata service of EC2 by IPv6.
  addresses.addAddress('fd00:ec2::254', 'ipv6');
  return addresses;
});

/**
 * True for an address, however it is written (0xa9fea9fe is 169.254.169.254), on which a metadata service may hand out
 * this machine's credentials. A name is no address.
 */
export function isLinkLocal(host: string): boolean {
  const address = canonicalHost(host);
  const family = isIP(address);
  return family !== 0 && linkLocal().check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** A host as the network sees it: 0x7f.1 is 127.0.0.1. An IPv6 address has no brackets. */
export function canonicalHost(host: string): string {
  const canonical =
    URL.parse(`http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}/`)?.hostname ?? host;
  return withoutBrackets(canonical);
}

/** A server elsewhere must not make us read this machine's metadata service. */
export function linkLocalRedirect(where: string): Problem {
  return new Problem('redirected to a link-local address', {
    code: 'CFN_REDIRECT_LOCAL',
    where,
    hint: 'such a redirect is not followed',
  });
}

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
 * True for an address on which a metadata service may hand out credentials of this machine, in any notation (0xa9fea9fe is
 * 169.254.169.254). False for a name.
 */
export function isLinkLocal(host: string): boolean {
  const address = canonicalHost(host);
  const family = isIP(address);
  return family !== 0 && linkLocal().check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** A host in its usual form: 0x7f.1 becomes 127.0.0.1. An IPv6 address has no brackets. */
export function canonicalHost(host: string): string {
  const canonical =
    URL.parse(`http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}/`)?.hostname ?? host;
  return withoutBrackets(canonical);
}

/** A remote server must not make us read the metadata service of this machine. */
export function linkLocalRedirect(where: string): Problem {
  return new Problem('redirected to a link-local address', {
    code: 'CFN_REDIRECT_LOCAL',
    where,
    hint: 'such a redirect is not followed',
  });
}

import { BlockList, isIP } from 'node:net';
import { Problem } from '../errors.ts';

const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet('169.254.0.0', 16, 'ipv4');
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6');
/** The metadata service of EC2 by IPv6. */
LINK_LOCAL.addAddress('fd00:ec2::254', 'ipv6');

/**
 * True for an address, however it is written (0xa9fea9fe is 169.254.169.254), on which a metadata service may hand out
 * this machine's credentials. A name is no address.
 */
export function isLinkLocal(host: string): boolean {
  const canonical =
    URL.parse(`http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}/`)?.hostname ?? host;
  const address = canonical.replace(/^\[|\]$/g, '');
  const family = isIP(address);
  return family !== 0 && LINK_LOCAL.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** A server elsewhere must not make us read this machine's metadata service. */
export function linkLocalRedirect(where: string): Problem {
  return new Problem('redirected to a link-local address', { where, hint: 'such a redirect is not followed' });
}

import { readFileSync, statSync } from 'node:fs';
import type { Environment } from './exec.ts';

/** Where distributions keep the certificates that the administrator trusts, a private cloud's CA among them. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Alpine, Arch
  '/etc/pki/tls/certs/ca-bundle.crt', // Fedora, RHEL
  '/etc/ssl/ca-bundle.pem', // SUSE
];

/** Reads the certificates to trust, `more` (PEM text) among them; undefined to use those that come with Node. */
export type ReadTrusted = (more?: string) => Promise<string[] | undefined>;

/** For the http door: the machine's certificates, and the ones that a request brings. */
export function trustedBy(environment: Environment): ReadTrusted {
  return async (more) => {
    const machine = readTrustedCertificates(environment);
    if (more === undefined) return machine === undefined ? undefined : [machine];
    return machine === undefined ? [...(await import('./bundled-trust.ts')).rootCertificates, more] : [machine, more];
  };
}

/** The machine's trusted certificates as PEM text, or undefined to use those that come with Node. */
function readTrustedCertificates(environment: Environment): string | undefined {
  for (const path of [environment['SSL_CERT_FILE'], ...BUNDLES]) {
    if (path === undefined || path === '') continue;
    try {
      // A FIFO would be waited for.
      if (statSync(path).isFile()) return readFileSync(path, 'utf8');
    } catch {
      // not this distribution's place
    }
  }
  return undefined;
}

import { readFileSync } from 'node:fs';
import type { Environment } from './exec.ts';

/** Where distributions keep the certificates that the administrator trusts, a private cloud's CA among them. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Alpine, Arch
  '/etc/pki/tls/certs/ca-bundle.crt', // Fedora, RHEL
  '/etc/ssl/ca-bundle.pem', // SUSE
];

/** The machine's trusted certificates as PEM text, or undefined to use those that come with Node. */
export function readTrustedCertificates(environment: Environment): string | undefined {
  for (const path of [environment['SSL_CERT_FILE'], ...BUNDLES]) {
    if (path === undefined || path === '') continue;
    try {
      return readFileSync(path, 'utf8');
    } catch {
      // not this distribution's place
    }
  }
  return undefined;
}

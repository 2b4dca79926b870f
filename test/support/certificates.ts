import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificate } from './http-server.ts';

/** Makes a CA and a certificate for 127.0.0.1 that it has signed, and one that signed itself. Needs openssl. */
export function makeCertificates(directory: string): {
  readonly caFile: string;
  readonly signed: Certificate;
  readonly selfSigned: Certificate;
} {
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: directory, stdio: 'ignore', timeout: 30_000 });
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const host = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  openssl('req', '-x509', ...key, '-days', '2', '-subj', '/CN=Test CA', '-keyout', 'ca.key', '-out', 'ca.pem');
  openssl('req', ...key, ...host, '-keyout', 'signed.key', '-out', 'signed.csr');
  openssl(
    ...['x509', '-req', '-in', 'signed.csr', '-copy_extensions', 'copy', '-days', '2'],
    ...['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-out', 'signed.pem'],
  );
  openssl('req', '-x509', ...key, ...host, '-days', '2', '-keyout', 'self.key', '-out', 'self.pem');
  const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
  return {
    caFile: join(directory, 'ca.pem'),
    signed: { key: read('signed.key'), cert: read('signed.pem') },
    selfSigned: { key: read('self.key'), cert: read('self.pem') },
  };
}

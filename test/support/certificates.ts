import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificate } from './http-server.ts';

export interface Certificates {
  readonly caFile: string;
  /** By the CA, for 127.0.0.1. */
  readonly signed: Certificate;
  readonly selfSigned: Certificate;
  /** By the CA, for 127.0.0.1, and no longer valid. */
  readonly expired: Certificate;
  /** By the CA, for another host. */
  readonly otherHost: Certificate;
  /** By the CA, for 127.0.0.1 as a client. */
  readonly ofClient: Certificate;
}

/** Makes a CA and certificates. Needs openssl. */
export function makeCertificates(directory: string): Certificates {
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: directory, stdio: 'ignore', timeout: 30_000 });
  };
  const read = (name: string): Certificate => ({
    key: readFileSync(join(directory, `${name}.key`), 'utf8'),
    cert: readFileSync(join(directory, `${name}.pem`), 'utf8'),
  });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const forName = (name: string): string[] => ['-subj', '/CN=a server', '-addext', `subjectAltName=${name}`];
  const sign = (file: string, name: string, days: number, ...extensions: string[]): Certificate => {
    openssl('req', ...key, ...forName(name), ...extensions, '-keyout', `${file}.key`, '-out', `${file}.csr`);
    openssl(
      ...['x509', '-req', '-in', `${file}.csr`, '-copy_extensions', 'copy', '-days', String(days)],
      ...['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-out', `${file}.pem`],
    );
    return read(file);
  };
  openssl('req', '-x509', ...key, '-days', '2', '-subj', '/CN=Test CA', '-keyout', 'ca.key', '-out', 'ca.pem');
  openssl('req', '-x509', ...key, ...forName('IP:127.0.0.1'), '-days', '2', '-keyout', 'self.key', '-out', 'self.pem');
  return {
    caFile: join(directory, 'ca.pem'),
    signed: sign('signed', 'IP:127.0.0.1', 2),
    selfSigned: read('self'),
    expired: sign('expired', 'IP:127.0.0.1', -1),
    otherHost: sign('other', 'DNS:other.example.test', 2),
    ofClient: sign('client', 'IP:127.0.0.1', 2, '-addext', 'extendedKeyUsage=clientAuth'),
  };
}

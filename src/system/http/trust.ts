import { readdirSync, readFileSync, statSync } from 'node:fs';
import { describeError, errnoOf } from '../../errors.ts';
import type { Environment } from '../programs/exec.ts';

/** The certificates that each distribution trusts, including those that the administrator has added, such as the CA of a private cloud. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Alpine, Arch
  '/etc/pki/tls/certs/ca-bundle.crt', // Fedora, RHEL
  '/etc/ssl/ca-bundle.pem', // SUSE
];
/** Many times the size of any bundle. */
const MOST_BYTES = 64 * 1024 * 1024;
const CERTIFICATE = /-----BEGIN (?:(?:TRUSTED|X509) )?CERTIFICATE-----[\s\S]+?-----END /;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'it does not exist',
  EACCES: 'permission denied',
};

interface Trusted {
  /** As PEM text; undefined to use the certificates of Node. */
  readonly ca?: string[];
  /** Which configured certificates cannot be used, for the message when a check fails. */
  readonly fault?: string | undefined;
}

/** Reads the certificates to trust, including `more` (PEM text). */
export type ReadTrusted = (more?: string) => Promise<Trusted>;

/**
 * The certificates to trust: those of the machine, or of SSL_CERT_FILE instead; those in the directories of SSL_CERT_DIR; and
 * those of a request.
 * @param warn called once for each variable that names no usable certificate
 */
export function trustedBy(environment: Environment, warn: (text: string) => void): ReadTrusted {
  const warned = new Set<string>();
  return async (more) => {
    const { texts, faults } = readTrusted(environment);
    for (const fault of faults) {
      if (!warned.has(fault)) warn(`${fault}: it is ignored`);
      warned.add(fault);
    }
    const fault = faults.length === 0 ? {} : { fault: faults.join('; ') };
    if (more !== undefined && texts.length === 0)
      // biome-ignore lint/plugin: TLS costs 10 ms of CPU, which a plain exchange need not pay.
      return { ca: [...process.getBuiltinModule('node:tls').rootCertificates, more], ...fault };
    const ca = more === undefined ? texts : [...texts, more];
    return ca.length === 0 ? fault : { ca, ...fault };
  };
}

/** True for a text with a certificate in it, in PEM. */
export function hasCertificate(text: string): boolean {
  return CERTIFICATE.test(text);
}

interface Found {
  readonly texts: string[];
  readonly faults: string[];
}

function readTrusted(environment: Environment): Found {
  const found: Found = { texts: [], faults: [] };
  const attempt = (name: string, path: string, read: (path: string) => string): void => {
    try {
      found.texts.push(read(path));
    } catch (error) {
      const why = REASONS[errnoOf(error) ?? ''] ?? describeError(error);
      found.faults.push(`${name} cannot be used: ${path}: ${why}`);
    }
  };
  const file = environment['SSL_CERT_FILE'] ?? '';
  if (file !== '') attempt('SSL_CERT_FILE', file, certificatesOf);
  const bundle = found.texts.length > 0 ? undefined : BUNDLES.find(mayBeFile);
  if (bundle !== undefined) attempt('the list of certificates', bundle, (path) => readFileSync(path, 'utf8'));
  const directories = (environment['SSL_CERT_DIR'] ?? '').split(':').filter((path) => path !== '');
  for (const directory of directories) attempt('SSL_CERT_DIR', directory, certificatesBelow);
  return found;
}

/** @throws Error when it has no certificate */
function certificatesOf(path: string): string {
  const { size } = statSync(path);
  // Reading a FIFO would wait.
  if (!isFile(path)) throw new Error('it is not a regular file');
  if (size > MOST_BYTES) throw new Error('it is too large');
  const text = readFileSync(path, 'utf8');
  if (!hasCertificate(text)) throw new Error('it has no certificate in PEM format');
  return text;
}

/** @throws Error when no file in it has a certificate */
function certificatesBelow(directory: string): string {
  if (!statSync(directory).isDirectory()) throw new Error('it is not a directory');
  const texts = new Set<string>();
  for (const name of readdirSync(directory)) {
    try {
      texts.add(certificatesOf(`${directory}/${name}`));
    } catch {
      // Keys, revocation lists and dangling links are usual there.
    }
  }
  if (texts.size === 0) throw new Error('it has no certificate in PEM format');
  return [...texts].join('\n');
}

/** False when it does not exist. True where that is not known: reading it then fails with the reason. */
function mayBeFile(path: string): boolean {
  try {
    return isFile(path);
  } catch {
    return true;
  }
}

/** @throws Error when it cannot be checked */
function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

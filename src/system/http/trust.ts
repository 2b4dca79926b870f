import { readdirSync, readFileSync, statSync } from 'node:fs';
import { describeError, errnoOf } from '../../errors.ts';
import type { Environment } from '../programs/exec.ts';

/** Where distributions keep the certificates that the administrator trusts, a private cloud's CA among them. */
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
  /** As PEM text; undefined to use those that come with Node. */
  readonly ca?: string[];
  /** What was named to be trusted and cannot be used, for the message of a check that failed. */
  readonly fault?: string | undefined;
}

/** Reads the certificates to trust, `more` (PEM text) among them. */
export type ReadTrusted = (more?: string) => Promise<Trusted>;

/**
 * For the http door: the machine's certificates, or those of SSL_CERT_FILE in their place; those of the directories of
 * SSL_CERT_DIR; and the ones that a request brings.
 * @param warn is called once for each variable that names nothing to trust
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
  // A FIFO would be waited for.
  if (!isFile(path)) throw new Error('it is no file');
  if (size > MOST_BYTES) throw new Error('it is too large');
  const text = readFileSync(path, 'utf8');
  if (!hasCertificate(text)) throw new Error('there is no certificate in it, in PEM');
  return text;
}

/** @throws Error when no file in it has a certificate */
function certificatesBelow(directory: string): string {
  if (!statSync(directory).isDirectory()) throw new Error('it is no directory');
  const texts = new Set<string>();
  for (const name of readdirSync(directory)) {
    try {
      texts.add(certificatesOf(`${directory}/${name}`));
    } catch {
      // Keys, lists of what is revoked and links to nowhere are usual there.
    }
  }
  if (texts.size === 0) throw new Error('there is no certificate in it, in PEM');
  return [...texts].join('\n');
}

/** False for what is not there. True where that cannot be found out: reading it then fails with the reason. */
function mayBeFile(path: string): boolean {
  try {
    return isFile(path);
  } catch {
    return true;
  }
}

/** @throws Error when nobody can tell */
function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

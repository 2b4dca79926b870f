import { codeOf, describeError, ExitCode, Problem, usageProblem } from '../errors.ts';
import { parseJson } from '../json.ts';
import { once } from '../once.ts';
import { CHECK_KEY, type Credentials, credentialsFault, type PartNames } from '../signing/credentials.ts';
import type { Exposure } from '../system/files/trusted-path.ts';
import type { KeystoneCredentials } from './keystone-credentials.ts';
import type { NamedBy } from './named-by.ts';

/** What the command line says about credentials; an empty text counts as not given: an unset variable of a script. */
export interface CredentialOptions {
  /** -f, --credential-file */
  readonly credentialFile: string | undefined;
  readonly accessKey: string | undefined;
  readonly secretKey: string | undefined;
  /** --role */
  readonly role: string | undefined;
  /** The role comes before all others, as in aws-cfn-bootstrap's cfn-hup.conf; they do where there is no such role. */
  readonly isRoleFirst?: boolean;
  /** --strict: refuse a credential file that is not private to root and the caller. */
  readonly isStrict: boolean;
  readonly namedBy: NamedBy;
}

export interface CredentialTools {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** @throws Problem when it cannot be read */
  readonly readSecretFile: (
    path: string,
  ) => Promise<{ readonly text: string; readonly exposure: Exposure | undefined }>;
  /** @throws Problem when the metadata service has no such role */
  readonly roleCredentials: (role: string) => Promise<Credentials>;
  /** Called with each secret before anything is said or done with it. */
  readonly onSecret: (secret: string) => void;
  readonly warn: (text: string) => void;
}

/**
 * The credentials (contract sections 5 and 7.3): the credential file, the two flags, the environment, AWS's names before
 * keystone's, the instance role, which may also come first; the first that is given.
 * @throws Problem with exit code 2 for one flag without the other, or one that cannot be sent; Problem for a credential file
 * that cannot be used; Problem with the code CFN_HEAT_NOT_ASKED when there are none
 */
export async function findCredentials(
  options: CredentialOptions,
  tools: CredentialTools,
): Promise<Credentials | KeystoneCredentials> {
  const fromFlags = decodeFlags(options);
  const { credentialFile, role, isRoleFirst, isStrict } = options;
  const ofRole = once(async () => (isFilled(role) ? fromRole(role, options.namedBy, tools) : undefined));
  const credentials =
    (isRoleFirst === true ? await ofRole().catch(unlessNotAsked) : undefined) ??
    (isFilled(credentialFile) ? await fromFile(credentialFile, isStrict, tools) : undefined) ??
    fromFlags ??
    fromEnvironment(tools) ??
    (await fromOpenStackEnvironment(tools)) ??
    (await ofRole());
  if (credentials === undefined) throw noCredentials(options.namedBy);
  if (isOfKeystone(credentials)) {
    tools.onSecret(secretOf(credentials));
    return credentials;
  }
  tools.onSecret(credentials.secretKey);
  if (credentials.sessionToken !== undefined) tools.onSecret(credentials.sessionToken);
  return credentials;
}

/** Whether credentials are keystone's, and not an access key. */
export function isOfKeystone(credentials: Credentials | KeystoneCredentials): credentials is KeystoneCredentials {
  return 'authUrl' in credentials;
}

function secretOf({ identity }: KeystoneCredentials): string {
  return identity.kind === 'application' ? identity.secret : identity.password;
}

const CREDENTIAL_LINES = 'it needs the lines AWSAccessKeyId and AWSSecretKey, or the OS_ lines of an openrc file';

/** Nothing names credentials. */
function noCredentials({ api, credentials }: NamedBy): Problem {
  return notAsked(api, credentials === undefined ? undefined : `give ${credentials}`);
}

function notAsked(api: string, hint: string | undefined, cause?: unknown): Problem {
  return new Problem(`no credentials for ${api}`, { code: 'CFN_HEAT_NOT_ASKED', hint, cause });
}

/**
 * Reads a credential file: lines `AWSAccessKeyId=...` and `AWSSecretKey=...`, all behind the = being the value, without
 * the blanks around it; of a repeated one the last counts. Source: heat-cfntools, parse_creds_file.
 */
export function parseCredentialFile(text: string): { readonly [key in 'accessKey' | 'secretKey']: string | undefined } {
  const lastOf = (name: string): string | undefined => {
    const line = new RegExp(`^\\s*${name}\\s*=(.*)$`, 'i');
    const values = text
      .replace(/^\uFEFF/, '')
      .split(/\r?\n/)
      .flatMap((row) => line.exec(row)?.[1]?.trim() ?? []);
    return values.filter((value) => value !== '').pop();
  };
  return { accessKey: lastOf('AWSAccessKeyId'), secretKey: lastOf('AWSSecretKey') };
}

async function fromFile(
  path: string,
  isStrict: boolean,
  { readSecretFile, onSecret, warn }: CredentialTools,
): Promise<Credentials | KeystoneCredentials> {
  const { text, exposure } = await readSecretFile(path);
  const { secretKey } = parseCredentialFile(text);
  if (secretKey !== undefined) onSecret(secretKey);
  if (exposure !== undefined) {
    const problem = exposureProblem(path, exposure);
    if (isStrict) throw problem;
    warn(problem.line);
  }
  const ofKeystone = await decodeKeystoneFile(text, path);
  if (ofKeystone !== undefined) return ofKeystone;
  return decodeAccessKey(text, path);
}

/** A credential file with an access key. @throws Problem that says what it lacks */
export function decodeAccessKey(text: string, path: string): Credentials {
  const { accessKey, secretKey } = parseCredentialFile(text);
  if (accessKey !== undefined && secretKey !== undefined)
    return checked({ accessKey, secretKey }, { accessKey: 'AWSAccessKeyId', secretKey: 'AWSSecretKey' }, path);
  const lack = (what: string, hint: string): Problem => new Problem(what, { where: path, hint });
  if (text.trim() === '') throw lack('the credential file is empty', CREDENTIAL_LINES);
  if (accessKey === undefined && secretKey === undefined)
    throw lack('there are no credentials in the credential file', CREDENTIAL_LINES);
  throw lack(
    `no ${accessKey === undefined ? 'AWSAccessKeyId' : 'AWSSecretKey'} in the credential file`,
    'add the line',
  );
}

/**
 * A credential file for keystone: the lines of an openrc file, or the JSON that Heat hands out (contract section 7.3).
 * @returns undefined for a file of another kind
 * @throws Problem for one that cannot be used
 */
export async function decodeKeystoneFile(text: string, path: string): Promise<KeystoneCredentials | undefined> {
  const isJson = /^\s*\{/.test(text.replace(/^\uFEFF/, ''));
  if (!isJson && !/^\s*(?:\w+\s+(?:-\w+\s+)*)?OS_[A-Z]/m.test(text)) return undefined;
  const { decodeHandedOut, decodeVariables, parseOpenrc } = await import('./keystone-credentials.ts');
  const source = { place: 'in the credential file', where: path };
  if (isJson) {
    const result = parseJson(text, 'the credential file');
    if ('problem' in result) throw new Problem(result.problem, { where: path, hint: 'check what has written it' });
    return decodeHandedOut(result.value, source);
  }
  const { variables, unclear } = parseOpenrc(text);
  const credentials = decodeVariables(variables, source, unclear);
  const { accessKey, secretKey } = parseCredentialFile(text);
  if (credentials !== undefined && (accessKey !== undefined || secretKey !== undefined))
    throw new Problem('lines of AWS and of OpenStack in the credential file', {
      where: path,
      hint: 'leave out AWSAccessKeyId and AWSSecretKey, or the OS_ lines',
    });
  return credentials;
}

/** What is wrong with a file of secrets that others can read, or could have written. */
export function exposureProblem(path: string, exposure: Exposure, what = 'the credential file'): Problem {
  switch (exposure.kind) {
    case 'mode':
      return new Problem(`others can read or change ${what}`, { where: path, hint: 'chmod 600 it' });
    case 'owner':
      return new Problem(`${what} belongs to another user, ${exposure.uid}`, {
        where: path,
        hint: 'chown it to root, and chmod 600 it',
      });
    case 'place':
      return new Problem(`others can replace ${what}`, {
        where: path,
        hint: `${exposure.path} is not safe: ${exposure.hint}`,
      });
  }
}

function decodeFlags({ accessKey, secretKey }: CredentialOptions): Credentials | undefined {
  if (isFilled(accessKey) && isFilled(secretKey)) {
    // In brackets: what follows an option of that name looks like a secret to the redactor.
    const fault = credentialsFault(
      { accessKey, secretKey },
      { ...NAMES, accessKey: 'the access key (--access-key)', secretKey: 'the secret key (--secret-key)' },
    );
    if (fault !== undefined) throw usageProblem(fault, CHECK_KEY);
    return { accessKey, secretKey };
  }
  if (!isFilled(accessKey) && !isFilled(secretKey)) return undefined;
  const [given, missing] = isFilled(accessKey) ? ['access', 'secret'] : ['secret', 'access'];
  throw usageProblem(`--${given}-key without --${missing}-key`, 'give both; an empty variable?');
}

function fromEnvironment({ environment, warn }: CredentialTools): Credentials | undefined {
  const accessKey = environment['AWS_ACCESS_KEY_ID'];
  const secretKey = environment['AWS_SECRET_ACCESS_KEY'];
  if (isFilled(accessKey) && isFilled(secretKey)) {
    const sessionToken = environment['AWS_SESSION_TOKEN'];
    return checked(
      { accessKey, secretKey, sessionToken: isFilled(sessionToken) ? sessionToken : undefined },
      { accessKey: 'AWS_ACCESS_KEY_ID', secretKey: 'AWS_SECRET_ACCESS_KEY', sessionToken: 'AWS_SESSION_TOKEN' },
      'the environment',
    );
  }
  if (isFilled(accessKey)) warn('AWS_ACCESS_KEY_ID without AWS_SECRET_ACCESS_KEY in the environment: ignored');
  if (isFilled(secretKey)) warn('AWS_SECRET_ACCESS_KEY without AWS_ACCESS_KEY_ID in the environment: ignored');
  return undefined;
}

async function fromOpenStackEnvironment({
  environment,
  warn,
}: CredentialTools): Promise<KeystoneCredentials | undefined> {
  if (!isFilled(environment['OS_AUTH_URL'])) return undefined;
  const { decodeVariables } = await import('./keystone-credentials.ts');
  try {
    return decodeVariables(environment, { place: 'in the environment', where: undefined });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    warn(`OS_AUTH_URL is ignored: ${error.line}`);
    return undefined;
  }
}

async function fromRole(role: string, { api }: NamedBy, { roleCredentials }: CredentialTools): Promise<Credentials> {
  try {
    return checked(await roleCredentials(role), {}, `the role ${JSON.stringify(role)}`);
  } catch (error) {
    // A deadline is the caller's, and older metadata must not hide it, nor a key that is broken.
    const isFinal = error instanceof Problem && error.exitCode === ExitCode.deadline;
    if (!(error instanceof Problem) || isFinal || error.code === 'CFN_CREDENTIALS_INVALID') throw error;
    throw notAsked(api, describeError(error), error);
  }
}

const NAMES: PartNames = {
  accessKey: 'the access key',
  secretKey: 'the secret key',
  sessionToken: 'the session token',
};

/** @param names of the parts, as their source calls them @throws Problem for credentials that cannot be sent */
function checked(credentials: Credentials, names: Partial<PartNames>, where: string): Credentials {
  const fault = credentialsFault(credentials, { ...NAMES, ...names });
  if (fault !== undefined) throw new Problem(fault, { code: 'CFN_CREDENTIALS_INVALID', where, hint: CHECK_KEY });
  return credentials;
}

/** A stack that came from AWS may name a role that its cloud does not have. */
function unlessNotAsked(error: unknown): undefined {
  if (codeOf(error) !== 'CFN_HEAT_NOT_ASKED') throw error;
}

function isFilled(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

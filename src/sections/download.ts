import { fileURLToPath } from 'node:url';
import type { Authentication } from '../config/authentication.ts';
import { Problem } from '../errors.ts';
import { booleanSetting, readSettings } from '../settings.ts';
import { CHECK_KEY, type Credentials, credentialsFault } from '../signing/credentials.ts';
import { encodeUrl, shownUrl } from '../url.ts';
import type { World } from './step.ts';

export interface Fetch {
  /** http, https or file; an absolute path counts as file. */
  readonly url: string;
  readonly authentication: Authentication | undefined;
  readonly write: (chunk: Buffer) => void;
  /** Called before another attempt: forget what was written. */
  readonly restart: () => void;
}

/** Fetches what a file, source or package names by URL. @throws Problem unless all of it arrives */
export async function fetchUrl({ url: address, authentication, write, restart }: Fetch, world: World): Promise<void> {
  const url = encodeUrl(address);
  const path = localPath(url);
  if (path !== undefined) {
    world.system.files.readPieces(path, write);
    return;
  }
  const headers = authentication === undefined ? () => ({}) : await headersFor(url, authentication, world);
  await world.system.http.download({
    url,
    headers,
    write,
    restart,
    note: (text) => world.log.info(text),
    allowHttpRedirects: () => allowsHttpRedirects(world),
    transportTo: world.transportTo,
  });
}

/** What the operator allows in cfntools.conf. */
async function allowsHttpRedirects({ system, log }: World): Promise<boolean> {
  return booleanSetting(await readSettings(system.files), 'allow-http-redirects', false, log);
}

/** @returns what makes the headers of each attempt @throws Problem when the credentials of a role are not available */
async function headersFor(
  url: string,
  authentication: Authentication,
  world: World,
): Promise<() => Readonly<Record<string, string>>> {
  const { name, type, username = '', password = '' } = authentication;
  const { log, system } = world;
  if (type === 'basic') {
    if (/^http:/i.test(url))
      log.warning(`the credentials of ${JSON.stringify(name)} travel in the clear: ${shownUrl(url)}: use https`);
    const login = Buffer.from(`${username}:${password}`).toString('base64');
    return () => ({ Authorization: `Basic ${login}` });
  }
  const credentials = await s3Credentials(authentication, world);
  if (credentials === undefined) {
    log.warning(`no keys and no role in ${JSON.stringify(name)}: ${shownUrl(url)}: fetched without a signature`);
    return () => ({});
  }
  const fault = credentialsFault(credentials, KEY_NAMES);
  if (fault !== undefined)
    throw new Problem(fault, {
      where: `authentication ${JSON.stringify(name)}`,
      hint: CHECK_KEY,
    });
  const { signS3Get } = await import('../signing/signature-v4.ts');
  return () => signS3Get(url, credentials, system.clock.now());
}

const KEY_NAMES = { accessKey: 'accessKeyId', secretKey: 'secretKey', sessionToken: 'the session token' };

/** Keys of the document win over a role. */
async function s3Credentials(
  { name, accessKeyId, secretKey, roleName }: Authentication,
  { roleCredentials }: World,
): Promise<Credentials | undefined> {
  if (accessKeyId !== undefined && secretKey !== undefined) return { accessKey: accessKeyId, secretKey };
  if (roleName === undefined) return undefined;
  if (roleCredentials === undefined)
    throw new Problem(`the credentials of the role ${roleName} are not available here`, {
      where: `authentication ${JSON.stringify(name)}`,
      hint: 'give accessKeyId and secretKey',
    });
  return roleCredentials(roleName);
}

function localPath(url: string): string | undefined {
  if (url.startsWith('/')) return url;
  if (!/^file:/i.test(url)) return undefined;
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw new Problem('not the URL of a local file', {
      where: shownUrl(url),
      hint: 'write it as file:///PATH',
      cause: error,
    });
  }
}

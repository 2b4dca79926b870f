import { fileURLToPath } from 'node:url';
import type { Authentication } from '../config/authentication.ts';
import { Problem } from '../errors.ts';
import type { World } from './step.ts';

export interface Fetch {
  /** http, https or file; an absolute path counts as file. */
  readonly url: string;
  readonly authentication: Authentication | undefined;
  readonly write: (chunk: Buffer) => void;
  /** Called before another attempt: forget what was written. */
  readonly restart: () => void;
}

/** Fetches what a file, source or package names by URL. @throws Problem unless all of it came */
export async function fetchUrl({ url, authentication, write, restart }: Fetch, { system, log }: World): Promise<void> {
  const path = localPath(url);
  if (path !== undefined) {
    write(system.files.read(path));
    return;
  }
  const headers: Record<string, string> = {};
  if (authentication?.type === 'basic') {
    if (/^http:/i.test(url))
      log.warning(
        `the credentials of ${JSON.stringify(authentication.name)} travel in the clear: ${urlWithoutQuery(url)}: use https`,
      );
    headers['Authorization'] =
      `Basic ${Buffer.from(`${authentication.username ?? ''}:${authentication.password ?? ''}`).toString('base64')}`;
  } else if (authentication?.type === 'S3') {
    log.warning(`requests to S3 are not signed yet: ${urlWithoutQuery(url)}: only public objects can be fetched`);
  }
  await system.http.download({ url, headers, write, restart });
}

/** A URL as it may be shown: the query can hold a signature. */
export function urlWithoutQuery(url: string): string {
  return url.replace(/[?#].*$/, '');
}

function localPath(url: string): string | undefined {
  if (url.startsWith('/')) return url;
  if (!/^file:/i.test(url)) return undefined;
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw new Problem('not the URL of a local file', { where: url, hint: 'write it as file:///PATH', cause: error });
  }
}

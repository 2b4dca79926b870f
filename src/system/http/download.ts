import { lookup } from 'node:dns';
import type { IncomingHttpHeaders } from 'node:http';
import type { LookupFunction } from 'node:net';
import { Problem } from '../../errors.ts';
import { inSeconds, isWorthRetrying, retrying, TransientFailure } from '../../retry.ts';
import { isWebUrl, shownRedirect, shownUrl, splitUrl } from '../../url.ts';
import { systemClock } from '../clock.ts';
import { ERROR_TIME, MOST_ERROR_BYTES, refusedDownload, textOfAnswer } from './download-refusal.ts';
import type { DownloadRequest, Transport } from './http.ts';
import { Line, loginOf, type Outgoing, type TlsOptions } from './line.ts';
import { isLinkLocal, linkLocalRedirect } from './link-local.ts';
import { type Circumstances, isTransient, noAnswer, TimeoutError } from './problem.ts';
import type { NamedProxy } from './proxy.ts';
import type { ReadTrusted } from './trust.ts';
import { wayThrough } from './way-through.ts';

const ATTEMPTS = 5;
const MOST_REDIRECTS = 10;
/** Milliseconds of a pause, whatever the server asks for. */
const LONGEST_PAUSE = 60_000;

/** Bounds of one attempt, in milliseconds. The length of a download is not bounded: a slow line may take its time. */
export interface DownloadBounds {
  /** Until the connection to the server or the proxy is there, TLS included. */
  readonly connection: number;
  /** Until the head of the answer is there, the connection included. */
  readonly head: number;
  /** From one piece of the body to the next. */
  readonly silence: number;
  /** A time in which `leastBytes` of the body have to arrive: one byte a minute is no slow line but a broken server. */
  readonly window: number;
  readonly leastBytes: number;
  /** Before the second attempt at most; doubled before each further one. */
  readonly firstPause: number;
}

const BOUNDS: DownloadBounds = {
  connection: 15_000,
  head: 60_000,
  silence: 60_000,
  // Proxies that look for viruses hand out a few bytes now and then until they have seen all of the file.
  window: 300_000,
  leastBytes: 300,
  firstPause: 2000,
};

/** Chooses the proxy for a URL. @param last the one to use where nothing else names one */
type ProxyFor = (url: string, last: string | undefined) => NamedProxy | undefined;

/**
 * Downloads a URL; after a failure that may pass (no answer, 408, 429, 5xx, a body cut short) it is asked for again from the start.
 * @param proxyFor the proxy for a URL, asked at each redirect
 */
export async function download(
  request: DownloadRequest,
  proxyFor: ProxyFor,
  readTrusted: ReadTrusted,
  bounds = BOUNDS,
): Promise<void> {
  let isBegun = false;
  const attempt = async (): Promise<void> => {
    if (isBegun) request.restart();
    isBegun = true;
    await downloadOnce(request, proxyFor, readTrusted, bounds);
  };
  await retrying(attempt, {
    clock: systemClock,
    limits: { attempts: ATTEMPTS, firstPause: bounds.firstPause, longestPause: LONGEST_PAUSE },
    abort: request.abort,
    note: ({ line }, next) =>
      request.note?.(`${line}: attempt ${next.attempt} of ${ATTEMPTS} ${inSeconds(next.pause)}`),
  });
}

/** Follows redirects to the file. @throws TransientFailure, Problem */
async function downloadOnce(
  request: DownloadRequest,
  proxyFor: ProxyFor,
  readTrusted: ReadTrusted,
  bounds: DownloadBounds,
): Promise<void> {
  const where = shownUrl(request.url);
  let url = request.url;
  const given = { ...loginOf(request.url), ...request.headers() };
  let headers: Readonly<Record<string, string>> = given;
  for (let redirects = 0; ; redirects++) {
    const isRedirectedOut = url !== request.url && !isLinkLocal(splitUrl(request.url).host);
    if (isRedirectedOut && isLinkLocal(splitUrl(url).host))
      throw linkLocalRedirect(`${where} -> ${shownRedirect(url, url)}`);
    const lookupName = isRedirectedOut ? { lookup: lookupElsewhere } : {};
    const transport: Transport = (await request.transportTo?.(url)) ?? {};
    const around: Around = { insecurely: transport.insecurely, keptFor: headers === given ? undefined : where };
    const tls = async (): Promise<TlsOptions> => {
      if (transport.insecure === true) return { rejectUnauthorized: false };
      const { fault, ...trusted } = await readTrusted(transport.trust);
      around.trustFault = transport.trustFault ?? fault;
      return { rejectUnauthorized: true, ...trusted };
    };
    const outgoing: Outgoing = { method: 'GET', url, headers, tls, ...lookupName };
    const proxy = proxyFor(url, transport.proxy);
    around.proxy = proxy?.title;
    const next = await fetchOrRedirect(outgoing, proxy, around, request, bounds);
    if (next === undefined) return;
    if (redirects === MOST_REDIRECTS)
      throw new Problem('redirected too often', {
        where,
        hint: `the last redirect leads to ${shownRedirect(next, url)}`,
      });
    if (isSecure(url) && !isSecure(next) && !(await request.allowHttpRedirects()))
      throw new Problem('redirected from https to http', {
        where: `${shownUrl(url)} -> ${shownRedirect(next, url)}`,
        hint: 'such a redirect is followed only with allow-http-redirects = true in /etc/cfn/cfntools.conf',
      });
    // Credentials are for the host they were given for (RFC 9110 section 15.4).
    if (!keepsCredentials(url, next)) headers = withoutCredentials(headers);
    url = next;
  }
}

/** What is said of one request when it fails. */
type Around = { -readonly [key in keyof Circumstances]: Circumstances[key] } & {
  /** What was asked for first, when a redirect leads to another server, which gets none of the credentials. */
  readonly keptFor: string | undefined;
};

/** @returns where the server redirects to; undefined when the file is written */
async function fetchOrRedirect(
  outgoing: Outgoing,
  proxy: NamedProxy | undefined,
  around: Around,
  { write, abort }: Pick<DownloadRequest, 'write' | 'abort'>,
  bounds: DownloadBounds,
): Promise<string | undefined> {
  const { url } = outgoing;
  let isBegun = false;
  let next: string | undefined;
  let failed: FailedAnswer | undefined;
  const transfer = await wayThrough(proxy);
  try {
    await Line.use(async (line) => {
      const head = line.bound(bounds.head);
      // A proxy may have to wait for the server itself.
      const connection = proxy === undefined ? line.bound(bounds.connection) : undefined;
      let silence: NodeJS.Timeout | undefined;
      let pace: (bytes: number) => void;
      const receiver = {
        connected: () => clearTimeout(connection),
        head(status: number, headers: IncomingHttpHeaders): boolean {
          clearTimeout(head);
          next = redirectTarget(url, status, headers);
          if (next !== undefined) return false;
          failed = failureOf(url, status, headers);
          if (failed !== undefined) {
            line.bound(ERROR_TIME);
            return true;
          }
          isBegun = true;
          silence = line.bound(bounds.silence);
          pace = paceOf(bounds);
          return true;
        },
        piece(chunk: Buffer): boolean {
          if (failed !== undefined) {
            failed.said.push(chunk);
            return lengthOf(failed.said) < MOST_ERROR_BYTES;
          }
          silence?.refresh();
          pace(chunk.length);
          write(chunk);
          return true;
        },
      };
      await transfer(outgoing, receiver, line);
    }, abort);
    if (failed !== undefined) throw refused(outgoing, failed, proxy, around);
    return next;
  } catch (error) {
    abort?.throwIfAborted();
    // A page that broke off makes no other answer of an error.
    if (failed !== undefined) throw refused(outgoing, failed, proxy, around);
    if (error instanceof Problem && !isTransient(error)) throw error;
    if (isBegun) throw new TransientFailure(brokenOff(url, error, proxy));
    const problem = noAnswer(url, error, around);
    throw isTransient(problem) ? new TransientFailure(problem) : problem;
  }
}

/** @throws an error when the pieces come too slowly */
function paceOf({ window, leastBytes }: DownloadBounds): (bytes: number) => void {
  let since = systemClock.elapsed();
  let total = 0;
  return (bytes) => {
    total += bytes;
    if (systemClock.elapsed() - since < window) return;
    if (total < leastBytes) throw new TooSlow(`fewer than ${leastBytes} bytes in ${Math.ceil(window / 1000)} s`);
    since = systemClock.elapsed();
    total = 0;
  };
}

class TooSlow extends Error {}

function brokenOff(url: string, error: unknown, proxy: NamedProxy | undefined): Problem {
  const why =
    error instanceof TimeoutError || error instanceof TooSlow
      ? error.message
      : 'the server closed the connection before the end';
  const hint = proxy === undefined ? why : `${why}, through ${proxy.title}`;
  return new Problem('the download broke off', { where: shownUrl(url), hint, cause: error });
}

/** An answer that is no file, and the beginning of what it says. */
interface FailedAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly said: Buffer[];
}

/** @returns undefined for an answer with a file. @throws Problem for a part of one, which was not asked for */
function failureOf(url: string, status: number, headers: IncomingHttpHeaders): FailedAnswer | undefined {
  if (status === 206)
    throw new Problem('the server sent only a part of the file (HTTP 206)', {
      where: shownUrl(url),
      hint: 'check the server, and what is between here and it',
    });
  return status >= 200 && status <= 299 ? undefined : { status, headers, said: [] };
}

/** @returns TransientFailure for what may be otherwise the next time, Problem for what may not */
function refused(
  { url, headers: sent }: Outgoing,
  { status, headers, said }: FailedAnswer,
  proxy: NamedProxy | undefined,
  { keptFor }: Around,
): TransientFailure | Problem {
  const authorization = Object.entries(sent).find(([name]) => name.toLowerCase() === 'authorization')?.[1];
  const isOfUrl = authorization === loginOf(url)['Authorization'];
  const problem = refusedDownload({
    url,
    status,
    body: textOfAnswer(Buffer.concat(said), headers['content-encoding']),
    location: status < 400 ? headers.location : undefined,
    proxy: proxy?.title,
    keptFor,
    credentials: authorization === undefined ? undefined : isOfUrl ? 'url' : 'document',
  });
  return isWorthRetrying(status) ? new TransientFailure(problem, headers['retry-after']) : problem;
}

function lengthOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

function redirectTarget(url: string, status: number, { location }: IncomingHttpHeaders): string | undefined {
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return undefined;
  const next = URL.parse(location, url);
  if (next === null || !/^https?:$/.test(next.protocol))
    throw new Problem('redirected to something that is no web address', {
      where: `${shownUrl(url)} -> ${shownRedirect(location, url)}`,
    });
  // A user and a password that the server names are not ours to send.
  if (next.username !== '' || next.password !== '') {
    next.username = '';
    next.password = '';
    return next.href;
  }
  // As it is written, which a signature may cover; unless it has characters that no URL has.
  return isWebUrl(location) ? location : next.href;
}

/** Looks a name up for a redirect; a name that leads to a link-local address is refused as the address itself is. */
const lookupElsewhere: LookupFunction = (name, options, callback) => {
  lookup(name, { ...options, all: true }, (error, found) => {
    if (error === null && found.some(({ address }) => isLinkLocal(address))) {
      callback(linkLocalRedirect(name), []);
    } else if (options.all === true) callback(error, found);
    else callback(error, found?.[0]?.address ?? '', found?.[0]?.family);
  });
};

/** @returns the same headers where there are no credentials among them */
function withoutCredentials(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const isSecret = (name: string): boolean => /^(authorization|cookie|x-amz-.*)$/i.test(name);
  if (!Object.keys(headers).some(isSecret)) return headers;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !isSecret(name)));
}

function isSecure(url: string): boolean {
  return splitUrl(url).scheme === 'https';
}

/** Whether a redirect stays at the server, or goes from its http to its https, as Python's requests have it. */
export function keepsCredentials(from: string, to: string): boolean {
  const [left, right] = [splitUrl(from), splitUrl(to)];
  if (left.host !== right.host) return false;
  const isUpgrade = left.scheme === 'http' && left.port === 80 && right.scheme === 'https' && right.port === 443;
  return isUpgrade || (left.scheme === right.scheme && left.port === right.port);
}

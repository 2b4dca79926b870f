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
import { transferFor } from './way-through.ts';

const ATTEMPTS = 5;
const MOST_REDIRECTS = 10;
/** Milliseconds of a pause at most, whatever the server asks for. */
const LONGEST_PAUSE = 60_000;

/** Bounds of one attempt, in milliseconds. The whole download has no bound: a slow connection may take long. */
export interface DownloadBounds {
  /** Until the connection to the server or the proxy is open, TLS included. */
  readonly connection: number;
  /** Until the head of the answer has arrived, including the time for the connection. */
  readonly head: number;
  /** From one piece of the body to the next. */
  readonly silence: number;
  /** The time in which `leastBytes` of the body have to arrive: one byte a minute means a broken server, not a slow connection. */
  readonly window: number;
  readonly leastBytes: number;
  /** The longest pause before the second attempt; doubled before each further one. */
  readonly firstPause: number;
}

const BOUNDS: DownloadBounds = {
  connection: 15_000,
  head: 60_000,
  silence: 60_000,
  // Proxies that scan for viruses send only a few bytes now and then until they have the whole file.
  window: 300_000,
  leastBytes: 300,
  firstPause: 2000,
};

/** Chooses the proxy for a URL. @param last the proxy to use where no other is set */
type ProxyFor = (url: string, last: string | undefined) => NamedProxy | undefined;

/**
 * Downloads a URL. After a temporary failure (no answer, 408, 429, 5xx, an incomplete body) it starts again from the beginning.
 * @param proxyFor chooses the proxy for a URL, called at each redirect
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
    const lookupName = isRedirectedOut ? { lookup: lookupForRedirect } : {};
    const transport: Transport = (await request.transportTo?.(url)) ?? {};
    const context: RequestContext = {
      insecurely: transport.insecurely,
      redirectedFrom: headers === given ? undefined : where,
    };
    const tls = async (): Promise<TlsOptions> => {
      if (transport.insecure === true) return { rejectUnauthorized: false };
      const { fault, ...trusted } = await readTrusted(transport.trust);
      context.trustFault = transport.trustFault ?? fault;
      return { rejectUnauthorized: true, ...trusted };
    };
    const outgoing: Outgoing = { method: 'GET', url, headers, tls, ...lookupName };
    const proxy = proxyFor(url, transport.proxy);
    context.proxy = proxy?.title;
    const next = await fetchOrRedirect(outgoing, proxy, context, request, bounds);
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
    // Credentials are only sent to the host that they are for (RFC 9110 section 15.4).
    if (!keepsCredentials(url, next)) headers = withoutCredentials(headers);
    url = next;
  }
}

/** What the message says about one request when it fails. */
type RequestContext = { -readonly [key in keyof Circumstances]: Circumstances[key] } & {
  /** The first URL, when it redirects to another server, which does not get the credentials. */
  readonly redirectedFrom: string | undefined;
};

/** @returns where the server redirects to; undefined when the file is written */
async function fetchOrRedirect(
  outgoing: Outgoing,
  proxy: NamedProxy | undefined,
  context: RequestContext,
  { write, abort }: Pick<DownloadRequest, 'write' | 'abort'>,
  bounds: DownloadBounds,
): Promise<string | undefined> {
  const { url } = outgoing;
  let isBegun = false;
  let next: string | undefined;
  let failed: FailedAnswer | undefined;
  const transfer = await transferFor(proxy);
  try {
    await Line.use(async (line) => {
      const head = line.bound(bounds.head);
      // A proxy itself may have to wait for the server.
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
    if (failed !== undefined) throw refused(outgoing, failed, proxy, context);
    return next;
  } catch (error) {
    abort?.throwIfAborted();
    // An error whose page is incomplete is still an error.
    if (failed !== undefined) throw refused(outgoing, failed, proxy, context);
    if (error instanceof Problem && !isTransient(error)) throw error;
    if (isBegun) throw new TransientFailure(brokenOff(url, error, proxy));
    const problem = noAnswer(url, error, context);
    throw isTransient(problem) ? new TransientFailure(problem) : problem;
  }
}

/** @throws TooSlow when the pieces arrive too slowly */
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
  return new Problem('the download was interrupted', { where: shownUrl(url), hint, cause: error });
}

/** An answer without a file, and the beginning of its body. */
interface FailedAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly said: Buffer[];
}

/** @returns undefined for an answer with a file. @throws Problem for an answer with a part of it, which was not requested */
function failureOf(url: string, status: number, headers: IncomingHttpHeaders): FailedAnswer | undefined {
  if (status === 206)
    throw new Problem('the server sent only a part of the file (HTTP 206)', {
      where: shownUrl(url),
      hint: 'check the server, and any proxy or load balancer in front of it',
    });
  return status >= 200 && status <= 299 ? undefined : { status, headers, said: [] };
}

/** @returns TransientFailure where another attempt may succeed, otherwise Problem */
function refused(
  { url, headers: sent }: Outgoing,
  { status, headers, said }: FailedAnswer,
  proxy: NamedProxy | undefined,
  { redirectedFrom }: RequestContext,
): TransientFailure | Problem {
  const authorization = Object.entries(sent).find(([name]) => name.toLowerCase() === 'authorization')?.[1];
  const isOfUrl = authorization === loginOf(url)['Authorization'];
  const problem = refusedDownload({
    url,
    status,
    body: textOfAnswer(Buffer.concat(said), headers['content-encoding']),
    location: status < 400 ? headers.location : undefined,
    proxy: proxy?.title,
    redirectedFrom,
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
    throw new Problem('redirected to something that is not an http or https URL', {
      where: `${shownUrl(url)} -> ${shownRedirect(location, url)}`,
    });
  // A user and a password that the server has put into the URL are not sent.
  if (next.username !== '' || next.password !== '') {
    next.username = '';
    next.password = '';
    return next.href;
  }
  // As it is written, because a signature may cover it; unless it has characters that a URL cannot have.
  return isWebUrl(location) ? location : next.href;
}

/** Looks up a name for a redirect. A name with a link-local address is refused, as the address itself is. */
const lookupForRedirect: LookupFunction = (name, options, callback) => {
  lookup(name, { ...options, all: true }, (error, found) => {
    if (error === null && found.some(({ address }) => isLinkLocal(address))) {
      callback(linkLocalRedirect(name), []);
    } else if (options.all === true) callback(error, found);
    else callback(error, found?.[0]?.address ?? '', found?.[0]?.family);
  });
};

/** @returns the same object where the headers have no credentials */
function withoutCredentials(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const isSecret = (name: string): boolean => /^(authorization|cookie|x-amz-.*)$/i.test(name);
  if (!Object.keys(headers).some(isSecret)) return headers;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !isSecret(name)));
}

function isSecure(url: string): boolean {
  return splitUrl(url).scheme === 'https';
}

/** Whether a redirect stays on the server, or goes from its http to its https, as in Python's requests. */
export function keepsCredentials(from: string, to: string): boolean {
  const [left, right] = [splitUrl(from), splitUrl(to)];
  if (left.host !== right.host) return false;
  const isUpgrade = left.scheme === 'http' && left.port === 80 && right.scheme === 'https' && right.port === 443;
  return isUpgrade || (left.scheme === right.scheme && left.port === right.port);
}

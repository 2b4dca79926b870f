import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { Problem } from '../errors.ts';
import { isWorthRetrying } from '../retry.ts';
import { splitUrl, urlWithoutQuery } from '../url.ts';
import { BodyKeeper } from './body-keeper.ts';
import type { DownloadRequest, HttpRequest, HttpResponse } from './http.ts';
import { NoAnswer, noAnswer } from './http-problem.ts';
import { isLinkLocal, linkLocalRedirect } from './link-local.ts';
import type { ReadTrusted } from './trust.ts';

const ATTEMPTS = 5;
const MOST_REDIRECTS = 10;
/** Milliseconds. Of a download only silence is bounded: a large archive on a slow line may take its time. */
const CONNECT_TIMEOUT = 15_000;
const SILENCE_TIMEOUT = 60_000;

interface Tls {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string[];
}

/** One exchange through a proxy: absolute form for http targets, CONNECT for https ones. */
export async function exchangeThroughProxy(
  request: HttpRequest,
  proxy: string,
  readTrusted: ReadTrusted,
): Promise<HttpResponse> {
  const tls = tlsOptions(await readTrusted(request.trust), request.insecure === true);
  const dispatcher = dispatcherFor(proxy, tls);
  try {
    const { origin, target } = originAndTarget(request.url);
    const response = await dispatcher.request({
      origin,
      path: target,
      method: request.method,
      headers: request.headers,
      ...(request.body === undefined ? {} : { body: request.body }),
      signal: AbortSignal.timeout(request.timeout),
    });
    return { status: response.statusCode, headers: response.headers, body: await bodyOf(response, request) };
  } catch (error) {
    if (wantsProxyLogin(error)) return { status: 407, headers: {}, body: '' };
    throw noAnswer(request.url, request.timeout, error, request.insecurely ?? 'use -k');
  } finally {
    await dispatcher.destroy();
  }
}

/**
 * Downloads a URL; passing faults (no answer, 408, 429, 5xx, a body cut short) are tried again from the start.
 * @param proxyFor the proxy for a URL, asked at each redirect
 */
export async function download(
  request: DownloadRequest,
  proxyFor: (url: string) => string | undefined,
  readTrusted: ReadTrusted,
): Promise<void> {
  const tls = tlsOptions(await readTrusted(), false);
  for (let attempt = 1; ; attempt++) {
    try {
      await downloadOnce(request, proxyFor, tls);
      return;
    } catch (error) {
      const passing = error instanceof PassingFault;
      if (!passing || attempt === ATTEMPTS) throw passing ? error.problem : error;
      await setTimeout(error.retryAfter ?? Math.random() * 1000 * 2 ** attempt);
      request.restart();
    }
  }
}

/** A fault worth another attempt. */
class PassingFault extends Error {
  readonly problem: Problem;
  /** Milliseconds, when the server asked for a wait. */
  readonly retryAfter: number | undefined;

  constructor(problem: Problem, retryAfter?: number) {
    super(problem.message, { cause: problem });
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

async function downloadOnce(
  request: DownloadRequest,
  proxyFor: (url: string) => string | undefined,
  tls: Tls,
): Promise<void> {
  let url = request.url;
  let headers = request.headers();
  for (let redirects = 0; ; redirects++) {
    const isRedirectedOut = url !== request.url && !isLinkLocal(splitUrl(request.url).host);
    if (isRedirectedOut && isLinkLocal(splitUrl(url).host)) throw linkLocalRedirect(urlWithoutQuery(request.url));
    const dispatcher = dispatcherFor(proxyFor(url), tls, isRedirectedOut ? lookupElsewhere : undefined);
    try {
      const { origin, target } = originAndTarget(url);
      const response = await dispatcher
        .request({
          origin,
          path: target,
          method: 'GET',
          headers,
          headersTimeout: SILENCE_TIMEOUT,
          bodyTimeout: SILENCE_TIMEOUT,
        })
        .catch((error: unknown) => {
          const problem = noAnswer(url, SILENCE_TIMEOUT, error);
          throw problem instanceof NoAnswer && problem.isPassing ? new PassingFault(problem) : problem;
        });
      const next = redirectTarget(url, response);
      if (next === undefined) {
        await receive(url, response, request.write);
        return;
      }
      await response.body.dump();
      if (redirects === MOST_REDIRECTS)
        throw new Problem('redirected too often', { where: urlWithoutQuery(request.url) });
      // Credentials are for the host they were given for (RFC 9110 section 15.4).
      if (originAndTarget(next).origin !== origin) headers = withoutCredentials(headers);
      url = next;
    } finally {
      await dispatcher.destroy();
    }
  }
}

async function receive(url: string, response: Dispatcher.ResponseData, write: (chunk: Buffer) => void): Promise<void> {
  const where = urlWithoutQuery(url);
  if (response.statusCode < 200 || response.statusCode > 299) {
    await response.body.dump();
    const problem = new Problem(`the download failed with HTTP ${response.statusCode}`, {
      where,
      hint: statusHint(response.statusCode),
    });
    throw isWorthRetrying(response.statusCode)
      ? new PassingFault(problem, retryAfter(response.headers['retry-after']))
      : problem;
  }
  const pieces = response.body[Symbol.asyncIterator]();
  for (;;) {
    const piece = await pieces.next().catch((error: unknown) => {
      throw new PassingFault(
        new Problem('the download broke off', {
          where,
          hint: 'the server closed the connection before the end',
          cause: error,
        }),
      );
    });
    if (piece.done === true) return;
    write(piece.value as Buffer);
  }
}

function redirectTarget(url: string, response: Dispatcher.ResponseData): string | undefined {
  const location = response.headers['location'];
  if (![301, 302, 303, 307, 308].includes(response.statusCode) || typeof location !== 'string') return undefined;
  const next = URL.parse(location, url);
  if (next === null || !/^https?:$/.test(next.protocol))
    throw new Problem('redirected to something that is no web address', { where: urlWithoutQuery(url) });
  return /^https?:\/\//i.test(location) ? location : next.href;
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

function withoutCredentials(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !/^(authorization|cookie|x-amz-.*)$/i.test(name)),
  );
}

function dispatcherFor(proxy: string | undefined, tls: Tls, lookupName?: LookupFunction): Dispatcher {
  const name = lookupName === undefined ? {} : { lookup: lookupName };
  if (proxy === undefined) return new Agent({ connect: { ...tls, ...name, timeout: CONNECT_TIMEOUT } });
  // A proxy with user information in its URL sends it as Proxy-Authorization.
  return new ProxyAgent({ uri: proxy, requestTls: tls, proxyTls: tls });
}

function tlsOptions(ca: string[] | undefined, insecure: boolean): Tls {
  return { rejectUnauthorized: !insecure, ...(ca === undefined ? {} : { ca }) };
}

function originAndTarget(url: string): { origin: string; target: string } {
  const { scheme, authority, target } = splitUrl(url);
  return { origin: `${scheme}://${authority.toLowerCase()}`, target };
}

/** undici makes an error of what is an answer: of the proxy, in absolute form and to CONNECT. */
function wantsProxyLogin(error: unknown): boolean {
  return error instanceof Error && /^Proxy (Authentication Required|response) \(407\)/.test(error.message);
}

async function bodyOf({ headers, body }: Dispatcher.ResponseData, { url, mostBytes }: HttpRequest): Promise<string> {
  const keeper = new BodyKeeper(url, mostBytes);
  keeper.wants(headers['content-length']);
  for await (const chunk of body) if (!keeper.wantsMoreThan(chunk as Buffer)) break;
  return keeper.text();
}

function retryAfter(header: string | string[] | undefined): number | undefined {
  const seconds = Number(header);
  return header !== undefined && Number.isFinite(seconds) ? Math.min(seconds, 60) * 1000 : undefined;
}

function statusHint(status: number): string {
  if (status === 401 || status === 403) return 'the server wants credentials; see "authentication" of the file';
  if (status === 404 || status === 410) return 'there is nothing at this address';
  return 'the server did not give the file';
}

import type { IncomingHttpHeaders } from 'node:http';
import { splitUrl } from '../../url.ts';
import type { HttpRequest, HttpResponse } from './http.ts';
import { Line, type Outgoing, type TlsOptions } from './line.ts';
import { noAnswer, tooLarge } from './problem.ts';
import type { NamedProxy } from './proxy.ts';
import type { ReadTrusted } from './trust.ts';
import { transferFor } from './way-through.ts';

/** Milliseconds for the body of an answer whose status is enough: the body is only an explanation. */
const EXPLANATION_TIMEOUT = 5_000;

/**
 * One exchange on a connection of its own. The timeout of the request bounds all of it: name lookup, connection, proxy, TLS, head
 * and body. An idle timeout would never end an exchange with a server that sends one byte a second.
 * @param explanationTimeout milliseconds for the body of an answer whose status is enough
 * @throws Problem when there is no answer in time
 */
export async function exchange(
  request: HttpRequest,
  proxy: NamedProxy | undefined,
  readTrusted: ReadTrusted,
  explanationTimeout = EXPLANATION_TIMEOUT,
): Promise<HttpResponse> {
  const { url, method, body, headers, timeout, mostBytes } = request;
  const keeper = new BodyKeeper(url, mostBytes);
  let answer: { readonly status: number; readonly headers: IncomingHttpHeaders } | undefined;
  let isCutShort = false;
  let trustFault: string | undefined;
  const tls = async (): Promise<TlsOptions> => {
    if (request.insecure === true) return { rejectUnauthorized: false };
    const { fault, ...trusted } = await readTrusted(request.trust);
    trustFault = request.trustFault ?? fault;
    return { rejectUnauthorized: true, ...trusted };
  };
  const outgoing: Outgoing = { url, method, headers, body, tls };
  try {
    const transfer = await transferFor(proxy);
    await Line.use(async (line) => {
      line.bound(timeout);
      const receiver = {
        head(status: number, answered: IncomingHttpHeaders): boolean {
          answer = { status, headers: answered };
          if (request.isStatusEnough === true) line.bound(Math.min(explanationTimeout, timeout));
          return keeper.wants(answered['content-length']);
        },
        piece: (chunk: Buffer): boolean => keeper.wantsMoreThan(chunk),
      };
      await transfer(outgoing, receiver, line);
    }, request.abort);
  } catch (error) {
    request.abort?.throwIfAborted();
    // An error whose body is incomplete, too slow or too large is still an error.
    const isAnswered = answer !== undefined && (request.isStatusEnough === true || !isSuccess(answer.status));
    if (!isAnswered)
      throw noAnswer(url, error, { insecurely: request.insecurely ?? 'use -k', proxy: proxy?.title, trustFault });
    isCutShort = true;
  }
  // An answer through a tunnel is from the server itself.
  const through = splitUrl(url).scheme === 'http' ? proxy?.title : undefined;
  return { status: answer?.status ?? 0, headers: answer?.headers ?? {}, body: keeper.text(), isCutShort, through };
}

function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299;
}

/** Where the caller sets no limit: enough to read what an answer says. */
const ENOUGH_BYTES = 1024 * 1024;

/** Collects the body of an answer, bounded in memory. */
class BodyKeeper {
  readonly #chunks: Buffer[] = [];
  #length = 0;
  readonly #url: string;
  readonly #mostBytes: number | undefined;

  /** @param mostBytes a larger body is an error; undefined: only the first 1 MiB is read */
  constructor(url: string, mostBytes: number | undefined) {
    this.#url = url;
    this.#mostBytes = mostBytes;
  }

  /** Whether to read a body of this length. @throws Problem when it is too large, before any of it is read */
  wants(contentLength: string | string[] | undefined): boolean {
    if (this.#mostBytes !== undefined && Number(contentLength) > this.#mostBytes)
      throw tooLarge(this.#url, this.#mostBytes);
    return true;
  }

  /** Keeps a piece. @returns false when no more is wanted @throws Problem when the body is too large */
  wantsMoreThan(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#mostBytes === undefined) return this.#length < ENOUGH_BYTES;
    if (this.#length > this.#mostBytes) throw tooLarge(this.#url, this.#mostBytes);
    return true;
  }

  text(): string {
    const body = Buffer.concat(this.#chunks, this.#length);
    return (this.#mostBytes === undefined ? body.subarray(0, ENOUGH_BYTES) : body).toString('utf8');
  }
}

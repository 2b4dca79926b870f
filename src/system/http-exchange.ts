import type { IncomingHttpHeaders } from 'node:http';
import { BodyKeeper } from './body-keeper.ts';
import type { HttpRequest, HttpResponse } from './http.ts';
import { Line, type Outgoing, type TlsOptions, wayThrough } from './http-line.ts';
import { noAnswer, TunnelRefused } from './http-problem.ts';
import type { ReadTrusted } from './trust.ts';

/** Milliseconds for the body of an answer whose status says enough: it may explain something, and then it is there at once. */
const EXPLANATION_TIMEOUT = 5_000;

/**
 * One exchange on a connection of its own. The whole of it is bounded by the request's timeout: name, connection, proxy,
 * TLS, head and body, since a server that drips one byte a second never trips an idle timeout.
 * @throws Problem when there is no answer in time
 */
export async function exchange(
  request: HttpRequest,
  proxy: string | undefined,
  readTrusted: ReadTrusted,
): Promise<HttpResponse> {
  const { url, method, body, headers, timeout, mostBytes } = request;
  const keeper = new BodyKeeper(url, mostBytes);
  let answer: { readonly status: number; readonly headers: IncomingHttpHeaders } | undefined;
  const isStatusEnough = (status: number): boolean => request.isStatusEnough === true || status < 200 || status > 299;
  const tls = async (): Promise<TlsOptions> => {
    const ca = await readTrusted(request.trust);
    return { rejectUnauthorized: request.insecure !== true, ...(ca === undefined ? {} : { ca }) };
  };
  const outgoing: Outgoing = { url, method, headers, body, tls };
  try {
    const transfer = await wayThrough(proxy);
    await Line.use(async (line) => {
      line.bound(timeout);
      const receiver = {
        head(status: number, answered: IncomingHttpHeaders): boolean {
          answer = { status, headers: answered };
          if (isStatusEnough(status)) line.bound(Math.min(EXPLANATION_TIMEOUT, timeout));
          return keeper.wants(answered['content-length']);
        },
        piece: (chunk: Buffer): boolean => keeper.wantsMoreThan(chunk),
      };
      await transfer(outgoing, receiver, line);
    });
  } catch (error) {
    if (error instanceof TunnelRefused && error.status === 407) return { status: 407, headers: {}, body: '' };
    // The rest of a body that broke off, came too slowly or was too large would change nothing.
    if (answer === undefined || !isStatusEnough(answer.status))
      throw noAnswer(url, error, request.insecurely ?? 'use -k');
  }
  return { status: answer?.status ?? 0, headers: answer?.headers ?? {}, body: keeper.text() };
}

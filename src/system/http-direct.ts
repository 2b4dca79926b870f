import { type ClientRequest, type IncomingMessage, request as requestPlain } from 'node:http';
import { connect } from 'node:net';
import { splitUrl } from '../url.ts';
import { BodyKeeper } from './body-keeper.ts';
import type { HttpRequest, HttpResponse } from './http.ts';
import { noAnswer, TimeoutError } from './http-problem.ts';
import type { ReadTrusted } from './trust.ts';

/** One exchange on a connection of its own, by Node's http. @throws Problem when there is no answer in time */
export async function exchangeDirectly(request: HttpRequest, readTrusted: ReadTrusted): Promise<HttpResponse> {
  const { scheme, host, port, authority, target, userInfo } = splitUrl(request.url);
  const options = {
    host: host.replace(/^\[|\]$/g, ''),
    port,
    method: request.method,
    path: target,
    ...(userInfo === undefined ? {} : { auth: userInfo }),
    headers: {
      Host: authority,
      ...(request.body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(request.body)) }),
      ...request.headers,
    },
  };
  const open = async (): Promise<ClientRequest> => {
    // A connection of its own: an agent would only keep it for a next request that never comes.
    if (scheme === 'http')
      return requestPlain({ ...options, createConnection: () => connect(options.port, options.host) });
    const { request: requestSecure } = await import('./https-direct.ts');
    const ca = await readTrusted(request.trust);
    return requestSecure({
      ...options,
      agent: false,
      rejectUnauthorized: request.insecure !== true,
      ...(ca === undefined ? {} : { ca }),
    });
  };
  try {
    const sent = await open();
    return await answerTo(sent, request);
  } catch (error) {
    throw noAnswer(request.url, request.timeout, error, request.insecurely ?? 'use -k');
  }
}

function answerTo(sent: ClientRequest, { url, body, timeout, mostBytes }: HttpRequest): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    // For the whole exchange: a server that drips one byte a second never trips an idle timeout.
    const timer = setTimeout(() => {
      // Of a body that is under way the connection would only say that it was cut.
      reject(new TimeoutError());
      sent.destroy();
    }, timeout);
    sent.on('close', () => clearTimeout(timer));
    let answer: IncomingMessage | undefined;
    sent.on('error', (error) => {
      // What a server sends behind a whole answer is no part of it (RFC 9112 section 6.3).
      if (answer?.complete !== true) reject(error);
    });
    sent.on('response', (message: IncomingMessage) => {
      answer = message;
      const keeper = new BodyKeeper(url, mostBytes);
      const finish = (): void =>
        resolve({ status: message.statusCode ?? 0, headers: message.headers, body: keeper.text() });
      const proceed = (wantsMore: () => boolean): void => {
        try {
          if (wantsMore()) return;
          finish();
        } catch (error) {
          reject(error);
        }
        message.destroy();
      };
      proceed(() => keeper.wants(message.headers['content-length']));
      message.on('data', (chunk: Buffer) => proceed(() => keeper.wantsMoreThan(chunk)));
      message.on('end', finish);
      message.on('error', reject);
    });
    sent.end(body);
  });
}

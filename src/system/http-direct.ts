import { type ClientRequest, type IncomingMessage, request as requestPlain } from 'node:http';
import { connect } from 'node:net';
import { splitUrl } from '../url.ts';
import type { HttpRequest, HttpResponse } from './http.ts';
import { noAnswer, TimeoutError } from './http-problem.ts';

const MOST_BODY_BYTES = 1024 * 1024;

/** One exchange on a connection of its own, by Node's http. @throws Problem when there is no answer in time */
export async function exchangeDirectly(
  request: HttpRequest,
  readTrusted: () => string | undefined,
): Promise<HttpResponse> {
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
    const ca = readTrusted();
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
    throw noAnswer(request.url, request.timeout, error);
  }
}

function answerTo(sent: ClientRequest, { body, timeout }: HttpRequest): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    // For the whole exchange: a server that drips one byte a second never trips an idle timeout.
    const timer = setTimeout(() => sent.destroy(new TimeoutError()), timeout);
    sent.on('close', () => clearTimeout(timer));
    sent.on('error', reject);
    sent.on('response', (message: IncomingMessage) => {
      const chunks: Buffer[] = [];
      let length = 0;
      const finish = (): void =>
        resolve({
          status: message.statusCode ?? 0,
          headers: message.headers,
          body: Buffer.concat(chunks).subarray(0, MOST_BODY_BYTES).toString('utf8'),
        });
      message.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length >= MOST_BODY_BYTES) {
          finish();
          message.destroy();
        }
      });
      message.on('end', finish);
      message.on('error', reject);
    });
    sent.end(body);
  });
}

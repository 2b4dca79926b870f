import { type ClientRequest, type IncomingMessage, request as requestPlain } from 'node:http';
import type { HttpRequest, HttpResponse } from './http.ts';
import { noAnswer } from './http-problem.ts';
import { splitUrl } from '../url.ts';

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
    agent: false as const,
    ...(userInfo === undefined ? {} : { auth: userInfo }),
    headers: {
      Host: authority,
      ...(request.body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(request.body)) }),
      ...request.headers,
    },
    signal: AbortSignal.timeout(request.timeout),
  };
  const open = async (): Promise<ClientRequest> => {
    if (scheme === 'http') return requestPlain(options);
    const { request: requestSecure } = await import('./https-direct.ts');
    const ca = readTrusted();
    return requestSecure({
      ...options,
      rejectUnauthorized: request.insecure !== true,
      ...(ca === undefined ? {} : { ca }),
    });
  };
  try {
    const sent = await open();
    return await answerTo(sent, request.body);
  } catch (error) {
    throw noAnswer(request.url, request.timeout, error);
  }
}

function answerTo(sent: ClientRequest, body: string | undefined): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
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

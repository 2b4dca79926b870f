import { usageProblem } from '../errors.ts';
import type { HttpResponse, Transport } from '../system/http.ts';
import { serverOf } from '../url.ts';
import { commonHint, nativeSignal, refusal, type SignalTarget } from './wait-condition.ts';

/**
 * The endpoint of an OS::Heat::WaitConditionHandle, signalled with its token as its `curl_cli` attribute does.
 * @throws Problem when the token cannot be one
 */
export function tokenHandle(url: string, token: string, transport: Transport = {}): SignalTarget {
  // In quotes, since what follows `--token` otherwise counts as a secret.
  if (!/^[\x21-\x7e]+$/.test(token) || /^[${<]/.test(token))
    throw usageProblem('not a token', 'give \'--token\' the attribute "token" of the handle; an empty variable?');
  const server = serverOf(url);
  return {
    server,
    request: (signal) => ({
      ...transport,
      method: 'POST',
      url,
      headers: { 'X-Auth-Token': token, 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify(nativeSignal(signal)),
    }),
    refusal: (response) => refusal(response, server, hintFor(response)),
  };
}

function hintFor(response: HttpResponse): string {
  const { status } = response;
  if (status === 401) return "the token is wrong or has expired: it lives as long as keystone's tokens do";
  if (status === 403)
    return 'the token is for another stack, the stack is deleted, or this is a pre-signed URL, which takes no --token';
  if (status === 404 || status === 405)
    return 'there is no such handle; the stack may be deleted, or the URL is not the "endpoint" attribute of the handle';
  return commonHint(response, 'heat-api');
}

import { isRecord, parseJson } from '../json.ts';
import type { HttpResponse } from '../system/http.ts';
import { shownLine, shownTarget } from '../url.ts';

/**
 * What a service of OpenStack, or AWS, says of a refusal, in one line: XML of the query API or JSON. A page of HTML, as of a
 * proxy, is nobody's words.
 */
export function messageOf(body: string): string | undefined {
  const message = /<Message>([^<]*)<\/Message>/i.exec(body)?.[1] ?? inJson(body);
  return shownLine(message ?? '') || undefined;
}

/** The same in brackets, to stand behind `HTTP 403`; empty where the body says nothing. */
export function bracketed(body: string): string {
  const message = messageOf(body);
  return message === undefined ? '' : ` (${message})`;
}

/** What is said of an answer that leads elsewhere. */
export function redirectHint({ headers: { location } }: Pick<HttpResponse, 'headers'>): string {
  return `a redirect is not followed${typeof location === 'string' ? ` (to ${shownTarget(location)})` : ''}`;
}

/** Keystone and Heat's own API have it in `error`, the query API in `ErrorResponse.Error`, others at the top. */
function inJson(body: string): string | undefined {
  if (!/^\s*\{/.test(body)) return undefined;
  const result = parseJson(body);
  const top = 'value' in result && isRecord(result.value) ? result.value : {};
  const response = isRecord(top['ErrorResponse']) ? top['ErrorResponse'] : top;
  return [response['error'], response['Error'], response]
    .filter(isRecord)
    .flatMap((place) => [place['message'], place['Message'], place['explanation'], place['title']])
    .find((text): text is string => typeof text === 'string');
}

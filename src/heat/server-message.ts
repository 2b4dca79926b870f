import { isRecord, parseJson } from '../json.ts';
import type { HttpResponse } from '../system/http/http.ts';
import { shownRedirect, shownText } from '../url.ts';

/**
 * What a service of OpenStack, or AWS, says of a refusal, in one line: XML of the query API or JSON. A page of HTML, as of a
 * proxy, is ignored.
 */
export function messageOf(body: string): string | undefined {
  const message = /<Message>([^<]*)<\/Message>/i.exec(body)?.[1] ?? inJson(body);
  return shownText(message ?? '') || undefined;
}

/** The same in brackets, to follow `HTTP 403`; empty where the body says nothing. */
export function bracketed(body: string): string {
  const message = messageOf(body);
  return message === undefined ? '' : ` (${message})`;
}

/** What is said of an answer that leads elsewhere. */
export function redirectHint({ headers: { location } }: Pick<HttpResponse, 'headers'>): string {
  return `a redirect is not followed${typeof location === 'string' ? ` (to ${shownRedirect(location)})` : ''}`;
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

/** The call by which guests read their metadata. */
export const GUEST_CALL = 'DescribeStackResource';

/**
 * The call that Heat's policy forbids, named in an answer or in its message. Heat looks at the policy after it has accepted
 * the key, so the key itself is right. Source: heat/api/cfn/v1/stacks.py, _enforce.
 * @returns undefined when the text is about something else
 */
export function callForbiddenByPolicy(text: string): string | undefined {
  return /\bAction\s+([A-Za-z]{1,64})\s+not\s+allowed\s+for\s+user\b/.exec(text)?.[1];
}

/** True for Heat's whole message of that kind: the answer of another program may quote it. */
export function isPolicyMessage(message: string): boolean {
  return /^\s*(?:User\s+is\s+not\s+authorized\s+to\s+perform\s+action:?\s*)?Action\s+\w{1,64}\s+not\s+allowed\s+for\s+user\.?\s*$/.test(
    message,
  );
}

/**
 * What the operator of the cloud can do about it.
 * @param otherwise what helps without the operator, for the call of guests
 */
export function policyHint(call: string, otherwise = ''): string {
  return call === GUEST_CALL
    ? `the credentials are accepted, but Heat 2024.1 and later does not allow guests to make this call by default; ${otherwise}the operator of the cloud allows it in heat's policy.yaml: "cloudformation:${GUEST_CALL}": "role:heat_stack_user or role:reader"`
    : `the credentials are accepted, but may not call ${call}; the operator of the cloud decides that in heat's policy.yaml: "cloudformation:${call}"`;
}

/** Why credentials were refused (HTTP 401 or 403) for another reason than Heat's policy, by the code and the message of the answer, and what to look at. */
export function deniedHint(code: string | undefined, message: string): string {
  const byIam = /is not authorized to perform: ([\w:*-]{1,100})/.exec(message)?.[1];
  if (byIam !== undefined) return `the credentials are accepted, but their IAM policy does not allow ${byIam}`;
  if (/not authori[sz]ed to (use|complete) this action/i.test(message))
    return 'the access key is for another resource or stack';
  if (code === 'SignatureDoesNotMatch')
    return 'the secret is not the one of this access key, or a proxy has changed the request: check the secret';
  if (code === 'InvalidClientTokenId' || code === 'InvalidAccessKeyId')
    return 'there is no such access key: check it, and whether the stack that it belongs to is deleted';
  if (code !== undefined && code !== 'AccessDenied')
    return 'check the access key and its secret, and that they are for this resource and stack';
  // Heat says the same of a wrong secret and of a keystone that answers none of its questions.
  return 'the credentials are wrong (check the access key and its secret), or the stack that they belong to is deleted; if all credentials are refused, keystone accepts such queries only from a user with the role "service" (CVE-2025-65073); the operator must give heat\'s user that role';
}

import { Problem } from '../errors.ts';
import type { HttpRequest, HttpResponse } from '../system/http.ts';
import { isWebUrl, splitUrl } from '../url.ts';
import { callForbiddenByPolicy, policyHint } from './denial.ts';

/** What a wait condition is told: exactly these keys (contract section 2, cfn-signal). */
export interface Signal {
  readonly Status: 'SUCCESS' | 'FAILURE';
  readonly Reason: string;
  readonly UniqueId: string;
  readonly Data: string;
}

/** A way to tell a stack how it went. */
export interface SignalTarget {
  /** For people: the URL itself can be a credential. */
  readonly server: string;
  /** The request of one attempt, since a signature carries its time. */
  request(signal: Signal): SignalRequest;
  /** Another way to signal the same, when an answer tells that this one will not do. */
  instead?(response: HttpResponse): SignalTarget | undefined;
  /** What an answer outside 2xx means, in words. */
  refusal(response: HttpResponse): Problem;
}

export type SignalRequest = Omit<HttpRequest, 'timeout' | 'mostBytes' | 'isStatusEnough'>;

export interface SignalWish {
  readonly success: string | undefined;
  readonly exitCode: string | undefined;
  readonly reason: string | undefined;
  readonly data: string | undefined;
}

export interface Verdict {
  readonly status: Signal['Status'];
  /** Something odd about the exit code, for stderr. */
  readonly warning: string | undefined;
}

/**
 * Success or failure? An exit code wins over -s, and only an integer equal to 0 is success: an empty variable must not
 * report that all is well (contract section 5).
 */
export function judge({ success, exitCode }: SignalWish): Verdict {
  if (exitCode === undefined)
    return { status: (success ?? 'true').trim().toLowerCase() === 'true' ? 'SUCCESS' : 'FAILURE', warning: undefined };
  const text = exitCode.trim();
  if (!/^[+-]?\d+$/.test(text))
    return { status: 'FAILURE', warning: `exit code ${JSON.stringify(exitCode)} is not a number: signalling FAILURE` };
  return { status: Number(text) === 0 ? 'SUCCESS' : 'FAILURE', warning: undefined };
}

export function signalOf(wish: SignalWish, status: Signal['Status'], uniqueId: string): Signal {
  return {
    Status: status,
    Reason: wish.reason ?? (status === 'SUCCESS' ? 'Configuration Complete' : 'Configuration failed'),
    UniqueId: uniqueId,
    Data: wish.data ?? 'Application has completed configuration.',
  };
}

/**
 * A pre-signed URL: of an AWS::CloudFormation::WaitConditionHandle, or of an OS::Heat::WaitConditionHandle whose
 * signal_transport is CFN_SIGNAL. Nothing in the URL tells them apart, and neither takes the keys of the other.
 */
export function signedHandle(url: string): SignalTarget {
  const server = serverOf(url);
  // The signature covers an empty Content-Type: any other would break it.
  const request = (body: string): SignalRequest => ({ method: 'PUT', url, headers: {}, body });
  const target: SignalTarget = {
    server,
    request: (signal) => request(JSON.stringify(signal)),
    refusal: (response) => refusal(response, server, hintFor(response.status)),
  };
  const native: SignalTarget = { ...target, request: (signal) => request(nativeBody(signal)) };
  return { ...target, instead: (response) => (wantsOtherKeys(response) ? native : undefined) };
}

/** The body with the keys of OS::Heat::WaitConditionHandle. */
export function nativeBody({ Status, Reason, Data, UniqueId }: Signal): string {
  return JSON.stringify({ status: Status, reason: Reason, data: Data, id: UniqueId });
}

/** How Heat refuses a body whose keys are not those of the handle: as an internal error that no retry would mend. */
function wantsOtherKeys({ status, body }: HttpResponse): boolean {
  return status === 500 && body.includes('Metadata format invalid');
}

/** `http://HOST:PORT` of a URL. */
export function serverOf(url: string): string {
  const { scheme, authority } = splitUrl(url);
  return `${scheme}://${authority}`;
}

/** The URL to signal: as given, byte for byte, or decoded when it is base64 (AWS). @returns undefined when it is neither */
export function decodeSignalUrl(operand: string): string | undefined {
  if (isWebUrl(operand)) return operand;
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(operand)) return undefined;
  const decoded = Buffer.from(operand, 'base64').toString('utf8').trim();
  return isWebUrl(decoded) ? decoded : undefined;
}

/**
 * A refusal in words. The URL itself is a credential and is not shown.
 * @param hint what to look at, unless Heat says that its policy forbids the call
 */
export function refusal(response: HttpResponse, server: string, hint: string): Problem {
  const forbidden = callForbiddenByPolicy(response.body);
  return new Problem(`the signal was refused with HTTP ${response.status}${detailOf(response.body)}`, {
    where: server,
    hint: forbidden === undefined ? hint : policyHint(forbidden),
  });
}

/** What is the matter whatever was signalled, and how. */
export function commonHint(status: number, api: string): string {
  if (status >= 300 && status < 400) return `a redirect is not followed; check the address of ${api}`;
  if (status === 408 || status === 429) return `${api} is overloaded; signal again later`;
  if (status >= 500) return `${api} or what is in front of it is in trouble; see its log`;
  return `${api} does not accept the signal`;
}

function hintFor(status: number): string {
  if (status === 403)
    return 'the URL has expired (keystone: 15 minutes by default), the stack is deleted, or the URL was altered on its way here; check its quoting';
  if (status === 401) return 'the signature was not accepted; check the quoting of the URL';
  if (status === 404) return 'there is no such handle; the stack may be deleted';
  return commonHint(status, 'heat-api-cfn');
}

/** Heat explains itself in XML or JSON; a proxy in a page of HTML that nobody wants to read. */
function detailOf(body: string): string {
  const message =
    /<Message>([^<]{1,300})<\/Message>/i.exec(body)?.[1] ??
    /"(?:message|title|explanation)"\s*:\s*"([^"\\]{1,300})"/i.exec(body)?.[1];
  return message === undefined ? '' : ` (${message.trim()})`;
}

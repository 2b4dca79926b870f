import { Problem } from '../errors.ts';
import { isWorthRetrying } from '../retry.ts';
import type { HttpRequest, HttpResponse, Transport } from '../system/http/http.ts';
import { describeAge } from '../time.ts';
import { serverOf, splitUrl } from '../url.ts';
import { bracketed, callForbiddenByPolicy, policyHint, redirectHint } from './server-message.ts';
import { signedUrlFault } from './signal-url.ts';

/** Milliseconds for one exchange. */
export const EXCHANGE_TIMEOUT = 30_000;

/** The body of a signal, with exactly these keys (contract section 2, cfn-signal). */
export interface Signal {
  readonly Status: 'SUCCESS' | 'FAILURE';
  readonly Reason: string;
  readonly UniqueId: string;
  readonly Data: string;
}

/** Where a signal is sent, and how. */
export interface SignalTarget {
  /** For people: the URL itself can be a credential. */
  readonly server: string;
  /**
   * The request of one attempt, since a signature carries its time.
   * @param left milliseconds, where something has to be asked for it
   * @throws TransientFailure where that failed and may succeed the next time
   */
  request(signal: Signal, left: number): SignalRequest | Promise<SignalRequest>;
  /** Another target to use after this answer, and a note for the log; undefined when there is none. */
  alternative?(response: HttpResponse): { readonly target: SignalTarget; readonly note: string } | undefined;
  /** What an answer that is no acceptance means, in words. */
  refusal(response: HttpResponse): Problem;
  /**
   * Whether an answer outside 2xx means that the server has the signal already.
   * @param isRepeated an earlier attempt may have come in, and its answer was lost
   * @returns what to say about it; undefined when it says no such thing
   */
  received?(response: HttpResponse, signal: Signal, isRepeated: boolean): Received | undefined;
  /** Bytes that the reason may have, where there is a bound. */
  readonly mostReasonBytes?: number;
  /** Characters that the id may have, where there is a bound. */
  readonly longestId?: number;
}

export interface Received {
  readonly note: string;
  /** A person should look at it. */
  readonly needsAttention: boolean;
}

export type SignalRequest = Omit<HttpRequest, 'timeout' | 'mostBytes' | 'isStatusEnough'>;

export interface SignalOptions {
  readonly success: string | undefined;
  readonly exitCode: string | undefined;
  readonly reason: string | undefined;
  readonly data: string | undefined;
}

export interface SignalStatus {
  readonly status: Signal['Status'];
  /** What is wrong with the exit code. */
  readonly warning: string | undefined;
}

/**
 * Success or failure? An exit code wins over -s, and only an integer equal to 0 is success: an empty variable must not
 * report success (contract section 5).
 */
export function statusOf({ success, exitCode }: SignalOptions): SignalStatus {
  if (exitCode === undefined)
    return { status: (success ?? 'true').trim().toLowerCase() === 'true' ? 'SUCCESS' : 'FAILURE', warning: undefined };
  const text = exitCode.trim();
  if (!/^[+-]?\d+$/.test(text))
    return { status: 'FAILURE', warning: `exit code ${JSON.stringify(exitCode)} is not a number: signalling FAILURE` };
  return { status: Number(text) === 0 ? 'SUCCESS' : 'FAILURE', warning: undefined };
}

/** The body of a signal, with the words of aws-cfn-bootstrap where the caller gives none. */
export function signalOf(options: SignalOptions, status: Signal['Status'], uniqueId: string): Signal {
  return {
    Status: status,
    Reason: options.reason ?? (status === 'SUCCESS' ? 'Configuration Complete' : 'Configuration failed'),
    UniqueId: uniqueId,
    Data:
      options.data ??
      (status === 'SUCCESS' ? 'Application has completed configuration.' : 'Application configuration failed.'),
  };
}

/**
 * A pre-signed URL: of an AWS::CloudFormation::WaitConditionHandle, or of an OS::Heat::WaitConditionHandle whose
 * signal_transport is CFN_SIGNAL. Nothing in the URL tells them apart, and neither takes the keys of the other. Or a TempURL of
 * Swift, of an OS::Heat::WaitConditionHandle.
 * @param isNative it is known to be of an OS::Heat::WaitConditionHandle
 */
export function signedHandle(url: string, transport: Transport = {}, isNative = false): SignalTarget {
  const server = serverOf(url);
  const isOfS3 = isSignedForS3(url);
  // The signature covers an empty Content-Type: any other would break it.
  const request = (body: string): SignalRequest => ({ ...transport, method: 'PUT', url, headers: {}, body });
  const target: SignalTarget = {
    server,
    request: (signal) => request(JSON.stringify(signal)),
    refusal: (response) => {
      const hint = isOfS3 || isErrorOfS3(response) ? hintOfS3(response) : hintFor(response, url);
      const isOfTheUrl = [400, 401, 403].includes(response.status) && finalState(response.body) === undefined;
      return refusal(response, server, (isOfTheUrl ? signedUrlFault(url) : undefined) ?? hint);
    },
    ...(isOfS3 ? { mostReasonBytes: MOST_REASON_BYTES } : {}),
  };
  const native: SignalTarget = { ...target, request: (signal) => request(JSON.stringify(nativeSignal(signal))) };
  // Only an OS::Heat::WaitConditionHandle has a TempURL.
  if (isNative || /[?&]temp_url_sig=/.test(url)) return native;
  return {
    ...target,
    alternative: (response) => (wantsOtherKeys(response) ? { target: native, note: OTHER_KEYS } : undefined),
  };
}

const OTHER_KEYS = 'the handle is an OS::Heat::WaitConditionHandle, which takes other keys: signalling it with these';

/** Bytes. Source: CloudFormation's user guide, cfn-signal. */
const MOST_REASON_BYTES = 4096;

/** A handle of CloudFormation is a pre-signed URL of S3. Heat's has a SignatureMethod instead of an end of its time. */
function isSignedForS3(url: string): boolean {
  const { host, target } = splitUrl(url);
  return (
    /(?:^|\.)amazonaws\.com(?:\.cn)?$/.test(host) ||
    /[?&]X-Amz-Signature=/i.test(target) ||
    (/[?&]Expires=/.test(target) && !/[?&]SignatureMethod=/.test(target) && /[?&]AWSAccessKeyId=/.test(target))
  );
}

/** S3 writes `<Error>` where Heat and CloudFormation write `<ErrorResponse>`. */
function isErrorOfS3({ body }: HttpResponse): boolean {
  return /^\s*(?:<\?xml[^>]{0,200}>\s*)?<Error>/.test(body);
}

function hintOfS3(response: HttpResponse): string {
  const { status, body } = response;
  if (status === 403 && /expired/i.test(body))
    return 'the URL is good for a limited time only; replace the handle by one of another name in the template to get a new URL';
  if (status === 403) return 'the URL has expired or was altered on its way here; check its quoting, and the stack';
  if (status === 404) return 'there is no such handle; the stack may be deleted';
  return commonHint(response, 'S3');
}

/** A signal with the keys of OS::Heat::WaitConditionHandle. */
export function nativeSignal({ Status, Reason, Data, UniqueId }: Signal): object {
  return { status: Status, reason: Reason, data: Data, id: UniqueId };
}

/** How Heat refuses a body whose keys are not those of the handle: as an internal error that no retry would mend. */
function wantsOtherKeys({ status, body }: HttpResponse): boolean {
  return status === 500 && body.includes('Metadata format invalid');
}

/**
 * A refusal in words. The URL itself is a credential and is not shown.
 * @param hint what to look at, unless Heat says that its policy forbids the call
 */
export function refusal(response: HttpResponse, server: string, hint: string): Problem {
  const forbidden = callForbiddenByPolicy(response.body);
  const said = bracketed(response.body);
  const otherwise =
    response.through === undefined || said !== '' ? '' : `; or ${response.through} answered in its place`;
  return new Problem(`the signal was refused with HTTP ${response.status}${said}`, {
    where: server,
    hint: forbidden === undefined ? hint + otherwise : policyHint(forbidden),
  });
}

/**
 * The state in which a stack or a resource takes no signals; undefined when the answer is about something else. Source: the
 * answers of CloudFormation, and heat/engine/resource.py, _signal_check_action.
 */
export function finalState(body: string): string | undefined {
  const [, ofAws, ofHeat] =
    /\bis (?:in )?([A-Z_]{3,64})(?: state)? and can\s?not be signal|\bSignal resource during ([A-Z_]{3,64})\b/i.exec(
      body,
    ) ?? [];
  return ofAws ?? ofHeat;
}

/** Hints that do not depend on what was signalled, or how. */
export function commonHint(response: HttpResponse, api: string): string {
  const { status, body } = response;
  const state = finalState(body);
  if (state !== undefined)
    return `the stack no longer waits for signals, it is in state ${state}; signal only while it is being created or updated`;
  if (status >= 300 && status < 400) return `${redirectHint(response)}; check the address of ${api}`;
  if (status >= 500) return `${api}, or a proxy or load balancer before it, is failing; see its log`;
  if (isWorthRetrying(status, body)) return `${api} is overloaded`;
  if (/\b(?:could not be found|does not exist)\b/.test(body))
    return 'there is no such stack or resource; it may be deleted';
  return `${api} does not accept the signal`;
}

function hintFor(response: HttpResponse, url: string): string {
  const { status, body } = response;
  if (/temp url invalid/i.test(body) || (status === 403 && /[?&]temp_url_sig=/.test(url)))
    return 'the URL has expired or was altered on its way here; check its quoting, and the stack';
  if (status === 401 || status === 403) return hintOfAge(ageOf(response, url), status);
  if (status === 404) return 'there is no such handle; the stack may be deleted';
  return commonHint(response, 'heat-api-cfn');
}

/** Milliseconds. Source: keystone, [credential] auth_ttl, whose default it is. */
const LIFETIME = 15 * 60_000;

/** Milliseconds since the URL was signed, by the server's clock. Heat signs it when it makes the handle. */
function ageOf({ headers }: HttpResponse, url: string): number | undefined {
  const [, signed] = /[?&]Timestamp=([^&]{1,60})/.exec(url) ?? [];
  const { date } = headers;
  if (signed === undefined || typeof date !== 'string') return undefined;
  const age = Date.parse(date) - Date.parse(signed.replaceAll(/%3A/gi, ':'));
  return Number.isFinite(age) ? age : undefined;
}

/** Contract section 7.2. */
function hintOfAge(age: number | undefined, status: number): string {
  const otherwise =
    status === 401
      ? 'the signature was not accepted; check the quoting of the URL'
      : 'the stack is deleted, or the URL was altered on its way here; check its quoting';
  if (age === undefined) return `the URL has expired (keystone: 15 minutes by default), or ${otherwise}`;
  // The header has whole seconds, as the URL has.
  if (age < -5000)
    return `the URL was signed ${describeAge(-age)} from now by the server's clock, so the clocks of the cloud differ, or ${otherwise}`;
  return age < LIFETIME
    ? `the URL was signed ${describeAge(age)} ago, and by keystone's default (auth_ttl) expires after 15 minutes: ${otherwise}`
    : `the URL has expired: it was signed ${describeAge(age)} ago, and by default keystone refuses a signature after 15 minutes (auth_ttl); for a longer boot use a handle with HEAT_SIGNAL, see cfn-signal(1)`;
}

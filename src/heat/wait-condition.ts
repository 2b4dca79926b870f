import { Problem } from '../errors.ts';
import type { HttpResponse } from '../system/http.ts';
import { isWebUrl } from '../url.ts';

/** What a wait condition is told: exactly these keys (contract section 2, cfn-signal). */
export interface Signal {
  readonly Status: 'SUCCESS' | 'FAILURE';
  readonly Reason: string;
  readonly UniqueId: string;
  readonly Data: string;
}

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

/** The URL to signal: as given, byte for byte, or decoded when it is base64 (AWS). @returns undefined when it is neither */
export function decodeSignalUrl(operand: string): string | undefined {
  if (isWebUrl(operand)) return operand;
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(operand)) return undefined;
  const decoded = Buffer.from(operand, 'base64').toString('utf8').trim();
  return isWebUrl(decoded) ? decoded : undefined;
}

/** Whether to try again after this answer: the server was not at its best, or asked for patience. */
export function isWorthRetrying(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/**
 * Milliseconds to wait before attempt number `attempt` (the second is 2): full jitter under a doubling bound, so that
 * guests which failed together do not come back together. A Retry-After of the server (seconds or a date, RFC 9110) wins.
 */
export function retryDelay(
  attempt: number,
  retryAfter: string | string[] | undefined,
  now: Date,
  random: number,
): number {
  const asked = typeof retryAfter === 'string' ? parseRetryAfter(retryAfter, now) : undefined;
  return asked ?? random * Math.min(1000 * 2 ** (attempt - 2), 16_000);
}

function parseRetryAfter(value: string, now: Date): number | undefined {
  const text = value.trim();
  // Date.parse would take "-5" or "1.5" for a day long ago.
  const date = /^[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN;
  const seconds = /^\d+$/.test(text) ? Number(text) : (date - now.getTime()) / 1000;
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 120) * 1000 : undefined;
}

/** A refusal in words. The URL itself is a credential and is not shown. */
export function refusal(response: HttpResponse, server: string): Problem {
  return new Problem(`the signal was refused with HTTP ${response.status}${detailOf(response.body)}`, {
    where: server,
    hint: hintFor(response.status),
  });
}

function hintFor(status: number): string {
  if (status === 403)
    return 'the URL has expired (keystone: 15 minutes by default), the stack is deleted, or the URL was altered on its way here; check its quoting';
  if (status === 401) return 'the signature was not accepted; check the quoting of the URL';
  if (status === 404) return 'there is no such handle; the stack may be deleted';
  if (status >= 300 && status < 400) return 'a redirect is not followed; check the address of heat-api-cfn';
  if (status >= 500) return 'heat-api-cfn or what is in front of it is in trouble; see its log';
  return 'heat-api-cfn does not accept the signal';
}

/** Heat explains itself in XML or JSON; a proxy in a page of HTML that nobody wants to read. */
function detailOf(body: string): string {
  const message =
    /<Message>([^<]{1,300})<\/Message>/i.exec(body)?.[1] ??
    /"(?:message|title|explanation)"\s*:\s*"([^"\\]{1,300})"/i.exec(body)?.[1];
  return message === undefined ? '' : ` (${message.trim()})`;
}

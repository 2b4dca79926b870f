import { Problem } from '../errors.ts';
import { isWorthRetrying, TransientFailure } from '../retry.ts';
import type { Credentials } from '../signing/credentials.ts';
import type { HttpResponse, Transport } from '../system/http/http.ts';
import type { System } from '../system/system.ts';
import { describeAge } from '../time.ts';
import { serverOf, shownText } from '../url.ts';
import { type Answer, decodeAnswer, MOST_ANSWER_BYTES, type StackResource } from './answer.ts';
import type { Endpoint } from './endpoint.ts';
import type { NamedBy } from './named-by.ts';
import { failureOfExchange, retryForMetadata } from './retries.ts';
import {
  callForbiddenByPolicy,
  deniedHint,
  GUEST_CALL,
  isPolicyMessage,
  policyHint,
  redirectHint,
} from './server-message.ts';
import { type SignatureVersion, signedCall } from './signed-call.ts';

/** How heat-api-cfn is reached: where, by whose name, and how the connection is made. */
export interface QueryAccess {
  readonly kind: 'query';
  readonly endpoint: Endpoint;
  readonly credentials: Credentials;
  /** v4, and v2 only when a server does not know it, unless the operator wants v2 from the start. */
  readonly signature: SignatureVersion;
  readonly transport: Transport;
  readonly namedBy: NamedBy;
}

export interface DescribeTools {
  readonly http: System['http'];
  readonly clock: System['clock'];
  /** Called with each failure that another attempt follows. */
  readonly note: (text: string) => void;
  /** Who asks again and again keeps one of these for each resource: an answer with the same bytes is not parsed again. */
  readonly known?: KnownAnswer | undefined;
}

/** The last answer about a resource. */
export interface KnownAnswer {
  readonly body: string;
  readonly resource: StackResource;
}

/** A resource, and what to hand in as `known` the next time. */
export interface Described extends KnownAnswer {
  /** The very object that was known. */
  readonly isKnown: boolean;
}

/**
 * Asks for a resource of a stack (DescribeStackResource of the query API, contract section 4).
 * @param stack its name or id
 * @throws Problem with the code CFN_HEAT_REFUSED when the server answered, and gave none; CFN_HEAT_FORBIDS_GUESTS when its policy
 * allows no guest to ask; CFN_HEAT_UNREACHABLE when it did not answer, however often it was asked
 */
export async function describeStackResource(
  access: QueryAccess,
  stack: string,
  resource: string,
  { http, clock, note, known }: DescribeTools,
): Promise<Described> {
  const { endpoint, credentials, transport, namedBy } = access;
  const parameters = {
    Action: 'DescribeStackResource',
    ContentType: 'JSON',
    LogicalResourceId: resource,
    StackName: stack,
    Version: '2010-05-15',
  };
  let { signature } = access;
  const attempt = async (left: number): Promise<Described> => {
    let response: HttpResponse;
    try {
      response = await http.exchange({
        ...signedCall(endpoint, credentials, parameters, clock.now(), signature),
        ...transport,
        timeout: Math.min(endpoint.timeout, left),
        mostBytes: MOST_ANSWER_BYTES,
      });
    } catch (error) {
      throw failureOfExchange(error, endpoint.url);
    }
    const { body } = response;
    if (response.status === 200 && body === known?.body) return { ...known, isKnown: true };
    const outcome = await readAnswer(response, endpoint, clock.now(), signature, namedBy);
    if ('resource' in outcome) return { body, resource: outcome.resource, isKnown: false };
    note(`heat-api-cfn does not know signature ${signature}: asking again with ${outcome.wants}`);
    signature = outcome.wants;
    return attempt(left);
  };
  return retryForMetadata(attempt, endpoint, { clock, note });
}

/** @throws TransientFailure, Problem as refusalOf has it */
async function readAnswer(
  response: HttpResponse,
  endpoint: Endpoint,
  now: Date,
  signature: SignatureVersion,
  namedBy: NamedBy,
): Promise<{ readonly resource: StackResource } | { readonly wants: SignatureVersion }> {
  const { status, body, through } = response;
  const failing = (what: string): TransientFailure =>
    new TransientFailure(
      new Problem(what, {
        where: endpoint.url,
        hint:
          through === undefined
            ? 'it, or a proxy or load balancer before it, is failing; see its log'
            : `it, a load balancer before it, or ${through} is failing; see their logs`,
      }),
      response.headers['retry-after'],
    );
  if (isWorthRetrying(status, body)) throw failing(`heat-api-cfn answered with HTTP ${status}`);
  const answer = await decodeAnswer(response);
  if (isInternalError(answer)) throw failing(`heat-api-cfn has an internal error (HTTP ${status})`);
  if (answer.kind === 'resource' && status === 200) return { resource: answer.resource };
  const isOfSignature = answer.kind === 'error' && answer.code === 'IncompleteSignature';
  if (isOfSignature && status === 400 && signature === 'v4') return { wants: 'v2' };
  const error = answer.kind === 'resource' ? ({ kind: 'unintelligible', why: `HTTP ${status}` } as const) : answer;
  throw refusalOf(response, error, endpoint, now, namedBy);
}

/**
 * Heat gives its internal errors, as when its engine does not answer, status 200 and a bare text where JSON was asked for.
 * Source: heat/api/aws/exception.py, HeatInternalFailureError, which puts a detail behind a colon.
 */
function isInternalError(answer: Answer): boolean {
  if (answer.kind !== 'error') return false;
  if (answer.code !== undefined) return /^\s*Internal(?:Failure|Error)\s*$/.test(answer.code);
  return /^The request processing has failed due to an internal error(?::|$)/.test(answer.message ?? '');
}

/** Signatures are good for 15 minutes; a clock that is off by a third of that is worth a word. */
const WORTH_A_WORD = 5 * 60_000;

type NoResource = Exclude<Answer, { kind: 'resource' }>;

/**
 * A refusal in words: what the server said, and what a person can look at.
 * @returns a Problem with the code CFN_HEAT_FORBIDS_GUESTS for exactly the answer by which Heat's policy keeps guests from
 * DescribeStackResource (contract section 7.1); CFN_HEAT_REFUSED for all others
 */
export function refusalOf(
  { status, headers, body, isCutShort, through }: HttpResponse,
  answer: NoResource,
  endpoint: Pick<Endpoint, 'url' | 'from'>,
  now: Date,
  { target, withoutOperator }: Pick<NamedBy, 'target' | 'withoutOperator'>,
): Problem {
  const said = answer.kind === 'error' ? (answer.message ?? answer.code) : undefined;
  const what =
    status >= 200 && status < 300
      ? answer.kind === 'error'
        ? `heat-api-cfn refused: ${shownText(said ?? 'it does not say why')}`
        : `heat-api-cfn gave an answer that cannot be used (${answer.why})`
      : `heat-api-cfn refused with HTTP ${status}${said === undefined ? '' : ` (${shownText(said)})`}`;
  const code = codeOf(answer);
  const isOfPolicy = (code === undefined || code === 'AccessDenied') && isPolicyMessage(said ?? '');
  const forbidden = isOfPolicy ? callForbiddenByPolicy(said ?? '') : undefined;
  if (forbidden !== undefined) {
    const isOfGuests = forbidden === GUEST_CALL && status === 403 && code === 'AccessDenied';
    return new Problem(what, {
      code: isOfGuests ? 'CFN_HEAT_FORBIDS_GUESTS' : 'CFN_HEAT_REFUSED',
      where: endpoint.url,
      hint: policyHint(forbidden, withoutOperator),
    });
  }
  const hint =
    status === 401 || status === 403
      ? (clockHint(headers['date'], now) ?? hintForDenied(status, isCutShort === true, answer, endpoint, through))
      : hintFor({ status, headers, body }, said ?? '', endpoint, target);
  return new Problem(what, { code: 'CFN_HEAT_REFUSED', where: endpoint.url, hint });
}

function codeOf(answer: NoResource): string | undefined {
  return answer.kind === 'error' ? answer.code?.trim() : undefined;
}

function hintForDenied(
  status: number,
  isCutShort: boolean,
  answer: NoResource,
  { from }: Pick<Endpoint, 'from'>,
  through = 'a proxy',
): string {
  if (isCutShort && answer.kind === 'unintelligible')
    return 'the answer broke off before it said why; try again, and see the log of heat-api-cfn';
  if (status === 403 && answer.kind === 'unintelligible')
    return `this answer is not heat-api-cfn's: ${through} or a load balancer refused; check the proxy settings and the URL, which comes from ${from}`;
  return deniedHint(codeOf(answer), answer.kind === 'error' ? (answer.message ?? '') : '');
}

function hintFor(
  { status, headers, body }: Pick<HttpResponse, 'status' | 'headers' | 'body'>,
  said: string,
  { url, from }: Pick<Endpoint, 'url' | 'from'>,
  target: string,
): string {
  const check = `check the URL, which comes from ${from}`;
  if (status === 300) {
    const version = /"href": *"(https?:\/\/[^"\s]{1,200})"/.exec(body)?.[1];
    return `this is the list of its versions: the base URL is ${version ?? `${serverOf(url)}/v1/`}; ${check}`;
  }
  if (status === 404) return `nothing is at this path: the base URL of heat-api-cfn ends with /v1/; ${check}`;
  if (status === 407) return 'the proxy wants a user and a password';
  if (status >= 300 && status < 400) return `${redirectHint({ headers })}; ${check}`;
  if (/not authori[sz]ed/i.test(said)) return 'the access key is for another resource or stack';
  if (/could not be found|does not exist/i.test(said)) return `check ${target}`;
  if (status >= 200 && status < 300) return `is it heat-api-cfn? ${check}`;
  return `see the log of heat-api-cfn; ${check}`;
}

/** A clock that is off makes every signature wrong, and nothing in the answer says so. */
function clockHint(date: string | string[] | undefined, now: Date): string | undefined {
  const there = typeof date === 'string' ? Date.parse(date) : Number.NaN;
  const ahead = now.getTime() - there;
  if (!(Math.abs(ahead) > WORTH_A_WORD)) return undefined;
  return `the clock here is ${describeAge(Math.abs(ahead))} ${ahead > 0 ? 'ahead of' : 'behind'} the server's: set it, signatures carry the time`;
}

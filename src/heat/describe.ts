import { Problem } from '../errors.ts';
import { isWorthRetrying } from '../retry.ts';
import type { Credentials } from '../signing/credentials.ts';
import type { HttpResponse, Transport } from '../system/http.ts';
import type { System } from '../system/system.ts';
import { type Answer, decodeAnswer, MOST_ANSWER_BYTES, type StackResource } from './answer.ts';
import type { Endpoint } from './endpoint.ts';
import type { ForbiddenByPolicy, Refused } from './failures.ts';
import type { NamedBy } from './named-by.ts';
import { askPatiently, faultOfExchange } from './patience.ts';
import { Passing } from './persist.ts';
import { refusalOf } from './refusal.ts';
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
  /** Hears of attempts that failed. */
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
 * @throws Refused when the server answered, and gave none; ForbiddenByPolicy when its policy keeps all guests from asking;
 * Unreachable when it did not answer, however often it was tried
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
  const attempt = async (left: number): Promise<Described | Passing> => {
    let response: HttpResponse;
    try {
      response = await http.exchange({
        ...signedCall(endpoint, credentials, parameters, clock.now(), signature),
        ...transport,
        timeout: Math.min(endpoint.timeout, left),
        mostBytes: MOST_ANSWER_BYTES,
      });
    } catch (error) {
      return faultOfExchange(error, endpoint.url);
    }
    const { body } = response;
    if (response.status === 200 && body === known?.body) return { ...known, isKnown: true };
    const outcome = await judge(response, endpoint, clock.now(), signature, namedBy);
    if (outcome instanceof Passing) return outcome;
    if ('resource' in outcome) return { body, resource: outcome.resource, isKnown: false };
    if ('refused' in outcome) throw outcome.refused;
    note(`heat-api-cfn does not know signature ${signature}: asking again with ${outcome.wants}`);
    signature = outcome.wants;
    return attempt(left);
  };
  return askPatiently(attempt, endpoint, { clock, note });
}

type Outcome =
  | { readonly resource: StackResource }
  | { readonly refused: Refused | ForbiddenByPolicy }
  | { readonly wants: SignatureVersion }
  | Passing;

async function judge(
  response: HttpResponse,
  endpoint: Endpoint,
  now: Date,
  signature: SignatureVersion,
  namedBy: NamedBy,
): Promise<Outcome> {
  const { status, body } = response;
  const passing = (what: string): Passing =>
    new Passing(
      new Problem(what, {
        where: endpoint.url,
        hint:
          response.through === undefined
            ? 'it, or a proxy or load balancer before it, is failing; see its log'
            : `it, a load balancer before it, or ${response.through} is failing; see their logs`,
      }),
      response.headers['retry-after'],
    );
  if (isWorthRetrying(status, body)) return passing(`heat-api-cfn answered with HTTP ${status}`);
  const answer = await decodeAnswer(response);
  if (isInternalError(answer)) return passing(`heat-api-cfn has an internal error (HTTP ${status})`);
  if (answer.kind === 'resource' && status === 200) return { resource: answer.resource };
  const isOfSignature = answer.kind === 'error' && answer.code === 'IncompleteSignature';
  if (isOfSignature && status === 400 && signature === 'v4') return { wants: 'v2' };
  const error = answer.kind === 'resource' ? ({ kind: 'unintelligible', why: `HTTP ${status}` } as const) : answer;
  return { refused: refusalOf(response, error, endpoint, now, namedBy) };
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

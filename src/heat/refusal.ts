import { describeAge } from '../age.ts';
import type { HttpResponse } from '../system/http.ts';
import { serverOf, shownLine } from '../url.ts';
import type { Answer } from './answer.ts';
import { callForbiddenByPolicy, denialHint, GUEST_CALL, isPolicyMessage, policyHint } from './denial.ts';
import type { Endpoint } from './endpoint.ts';
import { ForbiddenByPolicy, Refused } from './failures.ts';
import type { NamedBy } from './named-by.ts';
import { redirectHint } from './server-message.ts';

/** Signatures are good for 15 minutes; a clock that is off by a third of that is worth a word. */
const WORTH_A_WORD = 5 * 60_000;

type NoResource = Exclude<Answer, { kind: 'resource' }>;

/**
 * A refusal in words: what the server said, and what a person can look at.
 * @returns ForbiddenByPolicy for exactly the answer by which Heat's policy keeps guests from DescribeStackResource (contract
 * section 7.1); Refused for all others
 */
export function refusalOf(
  { status, headers, body, isCutShort, through }: HttpResponse,
  answer: NoResource,
  endpoint: Pick<Endpoint, 'url' | 'from'>,
  now: Date,
  { target, withoutOperator }: Pick<NamedBy, 'target' | 'withoutOperator'>,
): Refused | ForbiddenByPolicy {
  const said = answer.kind === 'error' ? (answer.message ?? answer.code) : undefined;
  const what =
    status >= 200 && status < 300
      ? answer.kind === 'error'
        ? `heat-api-cfn refused: ${shownLine(said ?? 'it does not say why')}`
        : `heat-api-cfn gave an answer that cannot be used (${answer.why})`
      : `heat-api-cfn refused with HTTP ${status}${said === undefined ? '' : ` (${shownLine(said)})`}`;
  const code = codeOf(answer);
  const isOfPolicy = (code === undefined || code === 'AccessDenied') && isPolicyMessage(said ?? '');
  const forbidden = isOfPolicy ? callForbiddenByPolicy(said ?? '') : undefined;
  if (forbidden !== undefined) {
    const details = {
      where: endpoint.url,
      hint: policyHint(forbidden, withoutOperator),
    };
    const isOfGuests = forbidden === GUEST_CALL && status === 403 && code === 'AccessDenied';
    return isOfGuests ? new ForbiddenByPolicy(what, details) : new Refused(what, details);
  }
  const hint =
    status === 401 || status === 403
      ? (clockHint(headers['date'], now) ?? hintForDenial(status, isCutShort === true, answer, endpoint, through))
      : hintFor({ status, headers, body }, said ?? '', endpoint, target);
  return new Refused(what, { where: endpoint.url, hint });
}

function codeOf(answer: NoResource): string | undefined {
  return answer.kind === 'error' ? answer.code?.trim() : undefined;
}

function hintForDenial(
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
  return denialHint(codeOf(answer), answer.kind === 'error' ? (answer.message ?? '') : '');
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

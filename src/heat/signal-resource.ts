import type { HttpResponse } from '../system/http/http.ts';
import { serverOf } from '../url.ts';
import { deniedHint } from './server-message.ts';
import {
  commonHint,
  finalState,
  type Received,
  refusal,
  type Signal,
  type SignalRequest,
  type SignalTarget,
} from './wait-condition.ts';

/** Makes the signed request of a call of the query API. */
export type SignCall = (parameters: Readonly<Record<string, string>>) => SignalRequest;

/** CloudFormation's SignalResource, for a resource with a CreationPolicy. Heat has no such call. */
export function signalledResource(
  url: string,
  { stack, resource }: { readonly stack: string; readonly resource: string },
  sign: SignCall,
): SignalTarget {
  const server = serverOf(url);
  return {
    server,
    request: (signal) => sign(signalResourceCall(signal, stack, resource)),
    refusal: (response) => refusal(response, server, hintFor(response)),
    received: receivedBy,
  };
}

/**
 * CloudFormation takes a signal of success with the same id once, and none when the stack is done. Source: the answers that
 * issues of aws-cloudformation-templates and kube-aws quote.
 */
function receivedBy(
  { status, body }: HttpResponse,
  { Status, UniqueId }: Signal,
  isRepeated: boolean,
): Received | undefined {
  if (status !== 400) return undefined;
  if (/Signal with ID\b[^<"]{1,300}\balready exists/i.test(body))
    return isRepeated
      ? { note: 'an earlier attempt, whose answer was lost, has come in', needsAttention: false }
      : {
          note: `the stack already has a signal with the id ${UniqueId}: it stays as it is; give another --id for another signal`,
          needsAttention: true,
        };
  const state = finalState(body);
  if (!isRepeated || state === undefined) return undefined;
  const isExpected =
    Status === 'SUCCESS' ? /^(?:CREATE|UPDATE|IMPORT)_COMPLETE/.test(state) : /FAILED|ROLLBACK/.test(state);
  return isExpected
    ? {
        note: `the stack is in state ${state}: an earlier attempt, whose answer was lost, has come in`,
        needsAttention: false,
      }
    : undefined;
}

/** The parameters of the call (API reference of CloudFormation, SignalResource): it takes no reason and no data. */
function signalResourceCall(
  { Status, UniqueId }: Signal,
  stack: string,
  resource: string,
): Readonly<Record<string, string>> {
  return {
    Action: 'SignalResource',
    Version: '2010-05-15',
    StackName: stack,
    LogicalResourceId: resource,
    UniqueId,
    Status,
  };
}

function hintFor(response: HttpResponse): string {
  const { status, body } = response;
  if (status === 400 && body.includes('InvalidAction'))
    return 'Heat cannot signal a resource by its name: give cfn-signal the URL of a WaitConditionHandle';
  if (status === 401 || status === 403) {
    // As XML or JSON.
    const code = /<Code>\s*(\w{1,64})\s*<|"Code"\s*:\s*"(\w{1,64})"/.exec(body);
    return `${deniedHint(code?.[1] ?? code?.[2], body)}; check the clock as well`;
  }
  if (status === 404) return 'check the URL of the API, which ends with a slash for Heat (http://HOST:8000/v1/)';
  return commonHint(response, 'the API');
}

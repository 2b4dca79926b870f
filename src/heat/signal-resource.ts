import type { HttpResponse } from '../system/http.ts';
import { denialHint } from './denial.ts';
import { commonHint, refusal, type Signal, type SignalRequest, type SignalTarget, serverOf } from './wait-condition.ts';

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
  };
}

/** The parameters of the call (API reference of CloudFormation, SignalResource): it takes no reason and no data. */
export function signalResourceCall(
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

function hintFor({ status, body }: HttpResponse): string {
  if (status === 400 && body.includes('InvalidAction'))
    return 'Heat cannot signal a resource by its name: give cfn-signal the URL of a WaitConditionHandle';
  if (status === 401 || status === 403) {
    // As XML or JSON.
    const code = /<Code>\s*(\w{1,64})\s*<|"Code"\s*:\s*"(\w{1,64})"/.exec(body);
    return `${denialHint(code?.[1] ?? code?.[2], body)}; check the clock as well`;
  }
  if (status === 404) return 'check the URL of the API, which ends with a slash for Heat (http://HOST:8000/v1/)';
  return commonHint(status, 'the API');
}

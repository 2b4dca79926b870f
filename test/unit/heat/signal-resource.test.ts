import { describe, expect, it } from 'vitest';
import { signalledResource } from '../../../src/heat/signal-resource.ts';

const url = 'https://cloudformation.eu-west-1.amazonaws.com/';
const target = signalledResource(url, { stack: 's/1 2', resource: 'web' }, (parameters) => ({
  method: 'POST',
  url,
  headers: {},
  body: JSON.stringify(parameters),
}));

const denied = (code: string, message: string): string =>
  `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`;

describe('signalledResource', () => {
  it('calls SignalResource, which takes neither reason nor data', async () => {
    const request = await target.request({ Status: 'FAILURE', Reason: 'r', UniqueId: 'i-1', Data: 'd' }, 1000);
    expect(JSON.parse('body' in request ? (request.body ?? '') : '')).toStrictEqual({
      Action: 'SignalResource',
      Version: '2010-05-15',
      StackName: 's/1 2',
      LogicalResourceId: 'web',
      UniqueId: 'i-1',
      Status: 'FAILURE',
    });
  });

  it.each<[status: number, body: string, says: RegExp]>([
    // What heat-api-cfn answers to an action that it does not know.
    [
      400,
      '<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>The action or operation requested is invalid</Message></Error></ErrorResponse>',
      /requested is invalid.*WaitConditionHandle/,
    ],
    [
      400,
      '<ErrorResponse><Error><Code>ValidationError</Code><Message>no stack</Message></Error></ErrorResponse>',
      /no stack/,
    ],
    [403, '', /credentials.*clock/],
    [403, denied('AccessDenied', 'User is not authorized to perform action'), /the access key.*"service".*clock/],
    [403, denied('SignatureDoesNotMatch', 'no'), /secret is not the one/],
    [
      403,
      '{"ErrorResponse": {"Error": {"Code": "InvalidClientTokenId", "Message": "no"}}}',
      /there is no such access key/,
    ],
    [401, '', /"service"/],
    [404, '', /ends with a slash/],
    [300, '', /redirect/],
    [503, '', /is failing/],
  ])('a refusal with HTTP %d %s', (status, body, says) => {
    const problem = target.refusal({ status, headers: {}, body });
    expect(problem.line).toMatch(says);
    expect(problem.exitCode).toBe(1);
  });

  it('a policy that forbids the call is named, and not the key', () => {
    const body = denied(
      'AccessDenied',
      'User is not authorized to perform action:Action SignalResource not allowed for user',
    );
    const { line } = target.refusal({ status: 403, headers: {}, body });
    expect(line).toMatch(
      /HTTP 403 \(User is.*accepted, but may not call SignalResource.*"cloudformation:SignalResource"/,
    );
    expect(line).not.toMatch(/access key|clock/);
  });
});

import { describe, expect, it } from 'vitest';
import { signalledResource } from '../../../src/heat/signal-resource.ts';

const url = 'https://cloudformation.eu-west-1.amazonaws.com/';
const target = signalledResource(url, { stack: 's/1 2', resource: 'web' }, (parameters) => ({
  method: 'POST',
  url,
  headers: {},
  body: JSON.stringify(parameters),
}));

describe('signalledResource', () => {
  it('calls SignalResource, which takes neither reason nor data', () => {
    const request = target.request({ Status: 'FAILURE', Reason: 'r', UniqueId: 'i-1', Data: 'd' });
    expect(JSON.parse(request.body ?? '')).toStrictEqual({
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
    [404, '', /ends with a slash/],
    [300, '', /redirect/],
    [503, '', /trouble/],
  ])('a refusal with HTTP %d %s', (status, body, says) => {
    const problem = target.refusal({ status, headers: {}, body });
    expect(problem.line).toMatch(says);
    expect(problem.exitCode).toBe(1);
  });
});

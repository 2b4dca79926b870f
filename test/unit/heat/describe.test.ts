import { describe, expect, it } from 'vitest';
import { codeOf, Problem, type ProblemCode } from '../../../src/errors.ts';
import { describeStackResource, type KnownAnswer, type QueryAccess, refusalOf } from '../../../src/heat/describe.ts';
import { BY_HUP_CONFIG, BY_OPTIONS } from '../../../src/heat/named-by.ts';
import type { HttpRequest, HttpResponse } from '../../../src/system/http/http.ts';

const ACCESS: QueryAccess = {
  kind: 'query',
  endpoint: {
    url: 'http://h:8000/v1/',
    from: '/the/file',
    region: 'heat',
    validatesCertificates: true,
    caFile: undefined,
    proxy: undefined,
    timeout: 30_000,
    attempts: 6,
    longestDelay: Number.POSITIVE_INFINITY,
  },
  credentials: { accessKey: 'key', secretKey: 's3cret' },
  signature: 'v4',
  transport: {},
  namedBy: BY_OPTIONS,
};
const FOUND = {
  status: 200,
  body: '{"DescribeStackResourceResponse": {"DescribeStackResourceResult": {"StackResourceDetail": {"Metadata": {"a": 1}}}}}',
};
const error = (code: string): string =>
  `<ErrorResponse><Error><Code>${code}</Code><Message>no</Message></Error></ErrorResponse>`;

type Step = Partial<HttpResponse> | Error | { readonly after: number; readonly fails: Error };

/** Asks with a server that answers in this order, the last answer for ever, and a clock that only sleeping moves. */
async function ask(
  steps: readonly Step[],
  access: Partial<QueryAccess['endpoint']> = {},
  signature: QueryAccess['signature'] = 'v4',
  known?: KnownAnswer,
) {
  const requests: HttpRequest[] = [];
  const delays: number[] = [];
  let elapsed = 0;
  const outcome = await describeStackResource(
    { ...ACCESS, signature, endpoint: { ...ACCESS.endpoint, ...access } },
    's1',
    'r & d',
    {
      http: {
        exchange: async (request) => {
          requests.push(request);
          const step = steps[Math.min(requests.length, steps.length) - 1] as Step;
          if ('after' in step) {
            elapsed += step.after;
            throw step.fails;
          }
          if (step instanceof Error) throw step;
          return { status: 200, headers: {}, body: '', ...step };
        },
        download: () => Promise.reject(new Error('not here')),
      },
      clock: {
        now: () => new Date('2026-11-22T07:04:45Z'),
        elapsed: () => elapsed,
        sleep: async (milliseconds) => {
          delays.push(milliseconds);
          elapsed += milliseconds;
        },
        random: () => 1,
      },
      note: () => {},
      known,
    },
  ).catch((thrown: unknown) => thrown);
  return { outcome, requests, delays, elapsed };
}

const noAnswer = (code: ProblemCode, hint: string): Problem => new Problem('no answer', { code, hint });
const silence = noAnswer('CFN_SERVER_UNREACHABLE', 'nothing listens');

it('asks by a signed GET, the query sorted', async () => {
  const { outcome, requests } = await ask([FOUND]);
  expect(outcome).toMatchObject({ resource: { metadata: { text: '{"a": 1}' } }, isKnown: false });
  expect(requests).toEqual([
    {
      method: 'GET',
      url: 'http://h:8000/v1/?Action=DescribeStackResource&ContentType=JSON&LogicalResourceId=r%20%26%20d&StackName=s1&Version=2010-05-15',
      headers: {
        'X-Amz-Date': '20261122T070445Z',
        Authorization: expect.stringContaining('Credential=key/20261122/heat/cloudformation/aws4_request'),
      },
      timeout: 30_000,
      mostBytes: 64 * 1024 * 1024,
    },
  ]);
});

describe('signature v2', () => {
  it('after IncompleteSignature only', async () => {
    const { outcome, requests } = await ask([{ status: 400, body: error('IncompleteSignature') }, FOUND]);
    expect(outcome).toMatchObject({ resource: { metadata: { text: '{"a": 1}' } }, isKnown: false });
    expect(requests).toHaveLength(2);
    expect(requests[1]?.headers).toEqual({});
    expect(requests[1]?.url).toContain('&SignatureVersion=2&');
  });

  it.each<[status: number, code: string]>([
    [403, 'AccessDenied'],
    [403, 'IncompleteSignature'],
    [401, 'IncompleteSignature'],
    [400, 'InvalidParameterValue'],
  ])('not after %i %s', async (status, code) => {
    const { outcome, requests } = await ask([{ status, body: error(code) }, FOUND]);
    expect(codeOf(outcome)).toBe('CFN_HEAT_REFUSED');
    expect(requests).toHaveLength(1);
  });

  it('is not asked for a second time', async () => {
    const { outcome, requests } = await ask([{ status: 400, body: error('IncompleteSignature') }]);
    expect(codeOf(outcome)).toBe('CFN_HEAT_REFUSED');
    expect(requests).toHaveLength(2);
  });

  it('from the start when the operator wants it', async () => {
    const { requests } = await ask([FOUND], {}, 'v2');
    expect(requests[0]?.url).toContain('SignatureVersion=2');
  });
});

describe('refused', () => {
  it('for a stack or a resource that is not there: what the caller is told them by', () => {
    const body = '"The Stack (s1) could not be found."';
    const answer = { kind: 'error', code: undefined, message: 'The Stack (s1) could not be found.' } as const;
    const refusal = refusalOf({ status: 200, headers: {}, body }, answer, ACCESS.endpoint, new Date(), BY_HUP_CONFIG);
    expect(refusal.hint).toBe('check stack= in cfn-hup.conf and path= of the hook');
  });

  it.each<[answer: Partial<HttpResponse>, ...said: string[]]>([
    [{ body: '"The Stack (s1) could not be found."' }, 'The Stack (s1) could not be found.', '--stack'],
    [{ body: '"You are not authorized to use this action."' }, 'another resource'],
    [{ status: 403, body: error('AccessDenied') }, 'HTTP 403 (no)', 'access key'],
    [
      { status: 403, body: error('AccessDenied'), headers: { date: 'Sun, 22 Nov 2026 07:27:45 GMT' } },
      'the clock here is 23 minutes behind',
    ],
    [
      { status: 403, body: error('AccessDenied'), headers: { date: 'Sun, 22 Nov 2026 06:04:45 GMT' } },
      'the clock here is 60 minutes ahead of',
    ],
    [
      { status: 403, body: error('AccessDenied'), headers: { date: 'Sat, 22 Nov 2025 07:04:45 GMT' } },
      'the clock here is 365 days ahead of',
    ],
    [{ status: 403, body: error('AccessDenied'), headers: { date: 'Sun, 22 Nov 2026 07:08:45 GMT' } }, 'access key'],
    [{ status: 401, body: '' }, 'HTTP 401', 'access key'],
    [
      { status: 300, body: '{"versions": [{"id": "v1.0", "links": [{"rel": "self", "href": "http://h:8000/v1/"}]}]}' },
      'HTTP 300',
      'the base URL is http://h:8000/v1/',
      '/the/file',
    ],
    [{ status: 404, body: '404 Not Found' }, 'HTTP 404', 'ends with /v1/', '/the/file'],
    [{ status: 302, body: '' }, 'HTTP 302', 'not followed'],
    [{ status: 407, body: '' }, 'HTTP 407', 'proxy'],
    [{ status: 400, body: error('InvalidParameterValue') }, 'HTTP 400 (no)'],
    [{ body: '<html>captive portal</html>' }, 'cannot be used', '/the/file'],
    [{ body: FOUND.body.slice(0, -5) }, 'cannot be used', 'truncated'],
    [{ status: 201, body: FOUND.body }, 'cannot be used'],
    [{ body: '"The request processing has failed due to an internal error of mine"' }, 'internal error of mine'],
  ])('%j', async (answer, ...said) => {
    const { outcome, requests } = await ask([answer]);
    expect(codeOf(outcome)).toBe('CFN_HEAT_REFUSED');
    for (const text of [...said, 'http://h:8000/v1/']) expect((outcome as Problem).line).toContain(text);
    expect(requests).toHaveLength(1);
  });

  it('an answer without end', async () => {
    const { outcome, requests } = await ask([
      new Problem('the answer is larger than 5 bytes', { where: 'http://h:8000' }),
    ]);
    expect(codeOf(outcome)).toBe('CFN_HEAT_REFUSED');
    expect(requests).toHaveLength(1);
  });
});

/** An error of heat-api-cfn in XML, which Heat gives here whatever was asked for, or in JSON. */
const saying = (code: string, message: string, format: 'xml' | 'json' = 'xml'): string =>
  format === 'xml'
    ? `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`
    : JSON.stringify({ ErrorResponse: { Error: { Type: 'Sender', Code: code, Message: message } } });
const BY_POLICY = 'User is not authorized to perform action:Action DescribeStackResource not allowed for user';
const ON_AWS =
  'User: arn:aws:iam::1:user/x is not authorized to perform: cloudformation:DescribeStackResource on resource: *';
const REMEDY = '"cloudformation:DescribeStackResource": "role:heat_stack_user or role:reader"';

describe('a policy that forbids guests to ask', () => {
  it.each<[name: string, body: string]>([
    ['as Heat says it', saying('AccessDenied', BY_POLICY)],
    ['as JSON', saying('AccessDenied', BY_POLICY, 'json')],
    ['as JSON without its outer object', `{"Error": {"Code": "AccessDenied", "Message": "${BY_POLICY}"}}`],
    ['in several lines', saying('\n AccessDenied\n', BY_POLICY.replaceAll(' ', '\n  '))],
  ])('%s: is as if Heat had not been asked, with the remedy, whatever the clock', async (_, body) => {
    const { outcome, requests } = await ask([
      { status: 403, body, headers: { date: 'Sun, 22 Nov 2026 06:04:45 GMT' } },
    ]);
    expect(codeOf(outcome)).toBe('CFN_HEAT_FORBIDS_GUESTS');
    const { line } = outcome as Problem;
    for (const said of [
      'HTTP 403',
      'Action DescribeStackResource not allowed',
      'http://h:8000/v1/',
      'policy.yaml',
      REMEDY,
    ])
      expect(line.replace(/\s+/g, ' ')).toContain(said);
    expect(line).not.toMatch(/access key|secret|clock|\n/);
    expect(requests).toHaveLength(1);
  });

  it.each<[name: string, answer: Partial<HttpResponse>, said: string]>([
    ['401', { status: 401, body: saying('AccessDenied', BY_POLICY) }, REMEDY],
    ['400', { status: 400, body: saying('AccessDenied', BY_POLICY) }, REMEDY],
    ['200', { body: JSON.stringify(BY_POLICY) }, REMEDY],
    ['a text alone', { status: 403, body: JSON.stringify(BY_POLICY) }, REMEDY],
    [
      'another call',
      { status: 403, body: saying('AccessDenied', BY_POLICY.replace('Resource', 'Resources')) },
      'may not call DescribeStackResources; the operator',
    ],
    [
      'another call',
      { status: 403, body: saying('AccessDenied', 'Action SignalResource not allowed for user', 'json') },
      '"cloudformation:SignalResource"',
    ],
    ['AWS', { status: 403, body: saying('AccessDenied', ON_AWS) }, 'IAM policy does not allow cloudformation:Desc'],
    [
      'a body that breaks off',
      { status: 403, body: saying('AccessDenied', BY_POLICY).slice(0, -20), isCutShort: true },
      'HTTP 403: http://h:8000/v1/: the answer broke off',
    ],
    ['a body that does not come', { status: 403, body: '', isCutShort: true }, 'the answer broke off'],
  ])('%s is a refusal, and does not blame the key', async (_, answer, said) => {
    const { outcome } = await ask([answer]);
    expect(codeOf(outcome)).toBe('CFN_HEAT_REFUSED');
    expect((outcome as Problem).line).toContain(said);
    expect((outcome as Problem).line).not.toMatch(/access key|proxy/);
  });
});

describe('the other causes of a 401 or 403 are told apart', () => {
  const IN_GENERAL = 'User is not authorized to perform action';
  const PAGE = `<html><head><title>403 Forbidden</title></head><body><p>${BY_POLICY}</p></body></html>`;
  const SERVICE = [
    /check the access key and its secret/,
    /all credentials are refused, keystone accepts such queries only .*"service" \(CVE-2025-65073\); the operator must/,
  ];

  it.each<[name: string, answer: Partial<HttpResponse>, ...said: RegExp[]]>([
    [
      'the secret',
      { status: 403, body: saying('SignatureDoesNotMatch', 'no') },
      /secret is not the one of this access/,
    ],
    [
      'the secret, whatever the message says',
      { status: 403, body: saying('SignatureDoesNotMatch', BY_POLICY) },
      /secret is not the one of this access/,
    ],
    [
      'somebody who quotes Heat',
      {
        status: 403,
        body: saying('AccessDenied', 'blocked, upstream said "Action DescribeStackResource not allowed for user bob"'),
      },
      ...SERVICE,
    ],
    [
      'somebody who quotes all of it',
      { status: 403, body: saying('AccessDenied', `blocked: ${BY_POLICY}`) },
      ...SERVICE,
    ],
    ['the key', { status: 403, body: saying('InvalidClientTokenId', 'no', 'json') }, /there is no such access key/],
    ['either, or keystone', { status: 403, body: saying('AccessDenied', IN_GENERAL) }, ...SERVICE],
    ['the same in JSON', { status: 403, body: saying('AccessDenied', IN_GENERAL, 'json') }, ...SERVICE],
    ['401', { status: 401, body: '' }, ...SERVICE],
    ['401 of keystone', { status: 401, body: '{"error": {"code": 401, "title": "Unauthorized"}}' }, ...SERVICE],
    [
      'a resource',
      { status: 403, body: saying('AccessDenied', `${IN_GENERAL}:You are not authorized to use this action.`) },
      /another resource/,
    ],
    ['a code of others', { status: 403, body: saying('ExpiredToken', 'no') }, /check the access key and its secret/],
    ['a proxy', { status: 403, body: PAGE }, /not heat-api-cfn's: a proxy or a load balancer refused;.*\/the\/file/],
    ['a proxy that says nothing', { status: 403, body: '' }, /proxy or a load balancer/],
    ['a page that is not well-formed', { status: 403, body: `${PAGE}<p>` }, /proxy or a load balancer/],
  ])('%s', async (_, answer, ...said) => {
    const { outcome } = await ask([answer]);
    expect(codeOf(outcome)).toBe('CFN_HEAT_REFUSED');
    for (const words of said) expect((outcome as Problem).line).toMatch(words);
    expect((outcome as Problem).line).not.toContain('policy.yaml');
  });
});

/** What Heat says when its engine does not answer. */
const INTERNAL = JSON.stringify('The request processing has failed due to an internal error');

describe('trouble', () => {
  it.each<[name: string, step: Step]>([
    ['no answer', silence],
    ['500', { status: 500, body: error('InternalFailure') }],
    ['503', { status: 503 }],
    ['429', { status: 429 }],
    ['408', { status: 408 }],
    ['Throttling', { status: 400, body: error('Throttling') }],
    ['Throttling in lines of its own', { status: 400, body: error('\n  Throttling\n') }],
    ['RequestThrottled', { status: 400, body: error('RequestThrottled') }],
    ['RequestLimitExceeded as JSON', { status: 400, body: '{"Error": {"Code": "RequestLimitExceeded"}}' }],
    ['an internal error with HTTP 200', { body: INTERNAL }],
    ['InternalFailure with HTTP 200', { body: error('InternalFailure') }],
    ['InternalError with HTTP 400', { status: 400, body: error('InternalError') }],
  ])('%s is tried again', async (_, step) => {
    const { outcome, requests, delays } = await ask([step, step, FOUND]);
    expect(outcome).toMatchObject({ resource: { metadata: { text: '{"a": 1}' } }, isKnown: false });
    expect(requests).toHaveLength(3);
    expect(delays).toEqual([1000, 2000]);
  });

  it.each<[name: string, step: Step, said: string]>([
    ['no answer', silence, 'no answer: http://h:8000/v1/: nothing listens'],
    ['an internal error', { body: INTERNAL }, 'heat-api-cfn has an internal error (HTTP 200): http://h:8000/v1/'],
    ['503', { status: 503 }, 'heat-api-cfn answered with HTTP 503: http://h:8000/v1/'],
  ])('%s: unreachable when the attempts are used up', async (_, step, said) => {
    const { outcome, requests } = await ask([step]);
    expect(codeOf(outcome)).toBe('CFN_HEAT_UNREACHABLE');
    expect((outcome as Problem).line).toContain(said);
    expect(requests).toHaveLength(6);
  });

  it('a bad certificate is not tried again', async () => {
    const { outcome, requests } = await ask([noAnswer('CFN_SERVER_UNTRUSTED', 'an unknown CA')]);
    expect(codeOf(outcome)).toBe('CFN_HEAT_UNREACHABLE');
    expect(requests).toHaveLength(1);
  });

  it('num_retries and max_retry_delay bound it', async () => {
    const { requests, delays } = await ask([silence], { attempts: 4, longestDelay: 1500 });
    expect(requests).toHaveLength(4);
    expect(delays).toEqual([1000, 1500, 1500]);
    expect((await ask([silence], { attempts: 1 })).requests).toHaveLength(1);
  });

  it('Retry-After is honoured', async () => {
    const { delays } = await ask([{ status: 503, headers: { 'retry-after': '7' } }, FOUND]);
    expect(delays).toEqual([7000]);
  });

  it('all attempts together end within three minutes', async () => {
    const slow = { after: 30_000, fails: silence };
    const { outcome, elapsed } = await ask([slow], { attempts: 101, timeout: 30_000 });
    expect(codeOf(outcome)).toBe('CFN_HEAT_UNREACHABLE');
    expect(elapsed).toBeLessThanOrEqual(180_000);
  });

  it('the last attempt has only the time that is left', async () => {
    const { requests } = await ask([{ after: 100_000, fails: silence }], { timeout: 100_000 });
    expect(requests.map(({ timeout }) => timeout)).toEqual([100_000, 79_000]);
  });

  it('each attempt is signed anew', async () => {
    const { requests } = await ask([silence, FOUND]);
    expect(requests).toHaveLength(2);
    expect(requests[0]?.headers).not.toBe(requests[1]?.headers);
  });
});

describe('asked again', () => {
  it('the same bytes are not parsed again', async () => {
    const { outcome: first } = await ask([FOUND]);
    const { outcome: second } = await ask([FOUND], {}, 'v4', first as KnownAnswer);
    expect(second).toMatchObject({ isKnown: true, body: (first as KnownAnswer).body });
    expect((second as KnownAnswer).resource).toBe((first as KnownAnswer).resource);
  });

  it('another answer is', async () => {
    const { outcome: first } = await ask([FOUND]);
    const { outcome } = await ask([{ ...FOUND, body: FOUND.body.replace('1', '2') }], {}, 'v4', first as KnownAnswer);
    expect(outcome).toMatchObject({ isKnown: false, resource: { metadata: { text: '{"a": 2}' } } });
  });

  it('and so is an error, whatever was known', async () => {
    const { outcome: first } = await ask([FOUND]);
    const { outcome } = await ask([{ ...FOUND, status: 201 }], {}, 'v4', first as KnownAnswer);
    expect(codeOf(outcome)).toBe('CFN_HEAT_REFUSED');
  });
});

describe('unreachable says for how long the server wants to be left alone', () => {
  it.each<[header: string | undefined, milliseconds: number | undefined]>([
    ['600', 600_000],
    ['Sun, 22 Nov 2026 07:24:45 GMT', 1_200_000],
    ['soon', undefined],
    [undefined, undefined],
  ])('%j', async (header, milliseconds) => {
    const headers = header === undefined ? {} : { 'retry-after': header };
    const { outcome } = await ask([{ status: 503, headers }], { attempts: 1 });
    expect((outcome as Problem).retryAfter).toBe(milliseconds);
  });
});

it('a bug is a bug', async () => {
  const { outcome } = await ask([new TypeError('x is not a function')]);
  expect(outcome).toBeInstanceOf(TypeError);
});

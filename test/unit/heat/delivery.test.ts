import { describe, expect, it } from 'vitest';
import { Problem } from '../../../src/errors.ts';
import { deliver } from '../../../src/heat/delivery.ts';
import { type AttemptBounds, beginBudget } from '../../../src/heat/retries.ts';
import { signalledResource } from '../../../src/heat/signal-resource.ts';
import { type Signal, type SignalTarget, signedHandle } from '../../../src/heat/wait-condition.ts';
import { createLog } from '../../../src/logging/log.ts';
import { Redactor } from '../../../src/redact.ts';
import type { HttpRequest, HttpResponse } from '../../../src/system/http/http.ts';
import { noAnswer as problemOf } from '../../../src/system/http/problem.ts';

const HEAT = signedHandle('http://heat:8000/v1/waitcondition/arn?SignatureMethod=HmacSHA256&Signature=s3cret');
const S3 = signedHandle(
  'https://cloudformation-waitcondition-eu-west-1.s3.amazonaws.com/arn?Expires=1&Signature=s3cret',
);
const AWS = signalledResource('https://cloudformation.eu-west-1.amazonaws.com/', { stack: 's', resource: 'r' }, () => ({
  method: 'GET',
  url: 'https://cloudformation.eu-west-1.amazonaws.com/?signed',
  headers: {},
}));
const UNBOUNDED: AttemptBounds = { attempts: Number.POSITIVE_INFINITY, longestDelay: Number.POSITIVE_INFINITY };

const noAnswer = (code: string): Problem =>
  problemOf('http://heat:8000/v1/', Object.assign(new Error(code), { code }), {});
const REFUSED = noAnswer('ECONNREFUSED');
const RESET = noAnswer('ECONNRESET');
/** Of a proxy where nothing listens. */
const NO_PROXY = problemOf(
  'http://heat:8000/v1/',
  new Error('down', { cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }) }),
  {},
);

type Answer = Partial<HttpResponse> | Error;
interface Sending {
  readonly target?: SignalTarget;
  readonly seconds?: number;
  readonly bounds?: Partial<AttemptBounds>;
  readonly status?: Signal['Status'];
  /** Milliseconds that an attempt takes. */
  readonly takes?: number;
  readonly random?: number;
}

/** Signals to a server that answers as the time says, with a clock that only sleeping and exchanges move. */
async function send(answerAt: (time: number, count: number) => Answer, options: Sending = {}) {
  const { target = HEAT, seconds, bounds = {}, status = 'SUCCESS', takes = 0, random = 1 } = options;
  let elapsed = 1000;
  const times: number[] = [];
  const timeouts: number[] = [];
  const said: string[] = [];
  const clock = {
    now: () => new Date('2026-11-30T00:00:00Z'),
    elapsed: () => elapsed,
    sleep: async (milliseconds: number) => {
      elapsed += milliseconds;
    },
    random: () => random,
  };
  const http = {
    async exchange({ timeout }: HttpRequest): Promise<HttpResponse> {
      times.push(elapsed - 1000);
      timeouts.push(timeout);
      const answer = answerAt(elapsed - 1000, times.length);
      elapsed += Math.min(takes, timeout);
      if (answer instanceof Error) throw answer;
      return { status: 200, headers: {}, body: '', ...answer };
    },
    download: () => Promise.reject(new Error('not here')),
  };
  const budget = beginBudget(seconds, clock, async () => ({ ...UNBOUNDED, ...bounds }));
  const signal: Signal = { Status: status, Reason: 'r', UniqueId: 'i-1', Data: 'd' };
  const log = createLog(new Redactor(), [{ write: (level, text) => said.push(`${level} ${text}`) }]);
  const outcome = await deliver(signal, target, { insecure: false, budget }, { system: { clock, http }, log }).catch(
    (error: unknown) => error,
  );
  const warnings = said.filter((line) => line.startsWith('WARNING'));
  return { outcome, times, timeouts, said, warnings, elapsed: elapsed - 1000 };
}

const aws = (code: string, message = 'no'): string =>
  `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`;
const ofS3 = (code: string, message: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message><Expires>x</Expires></Error>`;
const lineOf = (outcome: unknown): string => (outcome as Problem).line;
const pausesOf = (times: readonly number[]): number[] =>
  times.slice(1).map((time, index) => time - (times[index] ?? 0));

describe('faults that pass', () => {
  it.each<[what: string, fault: Answer]>([
    ['nobody listens', REFUSED],
    ['a reset', RESET],
    ['a name that does not resolve yet', noAnswer('ENOTFOUND')],
    ['no DNS', noAnswer('EAI_AGAIN')],
    ['408', { status: 408 }],
    ['429', { status: 429 }],
    ['500', { status: 500 }],
    ['503', { status: 503 }],
    ['400 Throttling', { status: 400, body: aws('Throttling') }],
    ['400 ThrottlingException', { status: 400, body: aws('ThrottlingException') }],
    ['400 RequestLimitExceeded', { status: 400, body: '{"Error": {"Code": "RequestLimitExceeded"}}' }],
    ['a page of a portal', { headers: { 'content-type': 'text/html' }, body: 'Sign in' }],
    ['a page without a type', { body: '\uFEFF\n<!DOCTYPE html>\n<p>Sign in' }],
    ['an internal error with status 200', { body: '"The request processing has failed due to an internal error"' }],
    ['an internal error as XML with status 200', { body: aws('InternalFailure') }],
    ['throttling with status 200', { body: aws('Throttling') }],
    ['a page that begins with its head', { body: '<head><title>Sign in</title></head>' }],
    ['a page that leads on', { body: '<meta http-equiv="refresh" content="0; url=http://portal/">' }],
    ['an error of a gateway as JSON with status 200', { body: '{"code": 503, "error": {"message": "no upstream"}}' }],
  ])('%s for nine minutes: the signal comes in', async (_, fault) => {
    const { outcome, times, warnings } = await send((time) => (time < 540_000 ? fault : {}));
    expect(outcome).toBeUndefined();
    expect(times.at(-1)).toBeLessThan(575_000);
    expect(warnings[0]).toMatch(/trying again in 1.0 s, for 10 minutes in all$/);
    expect(warnings.length).toBeGreaterThanOrEqual(6);
    expect(warnings.length).toBeLessThanOrEqual(10);
  });

  it.each([0, 0.5, 0.999])('the pauses grow, and none is 0: random %d', async (random) => {
    const { outcome, times, elapsed } = await send(() => REFUSED, { random });
    const pauses = pausesOf(times).slice(0, -1);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(500);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(30_000);
    expect(pauses.toSorted((one, other) => one - other)).toEqual(pauses);
    expect(times.at(-1)).toBe(595_000);
    expect(lineOf(outcome)).toMatch(/^the signal was not accepted within 10 minutes: http:\/\/heat:8000: no answer/);
    expect(outcome).toMatchObject({ exitCode: 1 });
    expect(elapsed).toBeLessThanOrEqual(600_000);
  });

  it.each<[what: string, seconds: number, takes: number, lastAttempt: number]>([
    ['a server that is down', 30, 0, 25_000],
    ['a server that is down, in a short time', 2, 0, 1600],
    ['a server that is down, in no time', 0.05, 0, 0],
    ['a server that takes its time', 40, 2000, 35_000],
  ])('--timeout: %s, %d s: 75 then and not before, after a last attempt just before', async (...row) => {
    const [, seconds, takes, lastAttempt] = row;
    const { outcome, times, elapsed } = await send(() => REFUSED, { seconds, takes });
    expect(elapsed).toBe(seconds * 1000);
    expect(times.at(-1)).toBe(lastAttempt);
    expect(outcome).toMatchObject({ exitCode: 75 });
    expect(lineOf(outcome)).toContain(`not accepted within ${seconds} s: http://heat:8000: no answer`);
  });

  it('a server that hangs has what is left of the time', async () => {
    const { outcome, timeouts, elapsed } = await send(() => RESET, { seconds: 40, takes: 60_000 });
    expect(timeouts).toEqual([30_000, 9000]);
    expect({ outcome, elapsed }).toMatchObject({ outcome: { exitCode: 75 }, elapsed: 40_000 });
  });

  it('Retry-After is waited for, and cut to what is left', async () => {
    const patient = (retryAfter: string) => () => ({ status: 503, headers: { 'retry-after': retryAfter } });
    expect((await send(patient('200'), {})).times).toEqual([0, 200_000, 400_000, 595_000]);
    expect((await send(patient('86400'), { seconds: 100 })).times).toEqual([0, 95_000]);
    const { times } = await send(patient('0'), { seconds: 100 });
    expect(Math.min(...pausesOf(times))).toBeGreaterThanOrEqual(500);
  });

  it('num_retries and max_retry_delay of cfn-boto-cfg count', async () => {
    const bounds = { attempts: 4, longestDelay: 1500 };
    const { outcome, times } = await send(() => REFUSED, { bounds });
    expect(pausesOf(times)).toEqual([1000, 1500, 1500]);
    expect(outcome).toBe(REFUSED);
  });

  it('--timeout wins over num_retries', async () => {
    const bounds = { attempts: 2, longestDelay: 1500 };
    const { outcome, times, elapsed } = await send(() => REFUSED, { bounds, seconds: 10 });
    expect(times.length).toBeGreaterThan(4);
    expect({ outcome, elapsed }).toMatchObject({ outcome: { exitCode: 75 }, elapsed: 10_000 });
  });
});

describe('faults that do not pass end it at once', () => {
  it.each<[what: string, fault: Answer]>([
    ['a certificate', noAnswer('CERT_HAS_EXPIRED')],
    ['a redirect', { status: 302 }],
    ['400', { status: 400, body: aws('ValidationError') }],
    ['401', { status: 401 }],
    ['403', { status: 403 }],
    ['404', { status: 404 }],
    ['an error with status 200', { body: aws('AccessDenied') }],
    ['an error as JSON with status 200', { body: '{"ErrorResponse": {"Error": {"Code": "AccessDenied"}}}' }],
    ['an error in small letters with status 200', { body: '{"error": {"message": "no"}}' }],
    ['an error behind other keys with status 200', { body: '{"code": 403, "title": "No \\"x\\"", "error": "no"}' }],
  ])('%s', async (_, fault) => {
    const { outcome, times, warnings } = await send(() => fault, { seconds: 100 });
    expect(outcome).toBeInstanceOf(Problem);
    expect(outcome).toMatchObject({ exitCode: 1 });
    expect({ times, warnings }).toEqual({ times: [0], warnings: [] });
  });
});

describe('answers that are an acceptance', () => {
  const html = { 'content-type': 'text/html; charset=UTF-8' };
  it.each<[what: string, answer: Answer]>([
    ['Heat', { headers: { 'content-type': 'application/xml' }, body: '<resource>handle</resource>' }],
    ['Heat as JSON', { body: '{"resource": "handle"}' }],
    [
      'Heat, with the reasons of all signals',
      { body: '{"resource": "h", "metadata": {"i": {"error": "", "Reason": "<Code>InternalFailure</Code>"}}}' },
    ],
    ['JSON that says that there is no error', { body: '{"status": "ok", "error": null}' }],
    ['the native API', { body: 'null' }],
    ['S3', {}],
    [
      'CloudFormation',
      { body: '<SignalResourceResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"/>' },
    ],
    ['Swift', { status: 201, headers: html }],
    ['Swift with words', { status: 202, headers: html, body: '<html><h1>Accepted</h1></html>' }],
    ['an empty one that calls itself HTML', { headers: html }],
    ['one that broke off', { body: '<resource>han', isCutShort: true }],
    ['204', { status: 204 }],
  ])('%s', async (_, answer) => {
    expect(await send(() => answer)).toMatchObject({ outcome: undefined, times: [0], warnings: [] });
  });
});

describe('SignalResource', () => {
  const EXISTS = {
    status: 400,
    body: aws(
      'ValidationError',
      'Signal with ID i-1 for resource r already exists. Signals may only be updated with a FAILURE status.',
    ),
  };
  const ended = (state: string): Answer => ({
    status: 400,
    body: aws(
      'ValidationError',
      `Stack arn:aws:cloudformation:eu-west-1:1:stack/s/1 is in ${state} state and cannot be signaled`,
    ),
  });
  const inOtherWords = {
    status: 400,
    body: aws('ValidationError', 'Resource r is CREATE_COMPLETE and cannot be signaled'),
  };
  const answers = (first: Answer, then: Answer, options: Sending = {}) =>
    send((_, count) => (count === 1 ? first : then), { target: AWS, ...options });

  it('an answer that was lost, then "already exists": it is there', async () => {
    const { outcome, said } = await answers(RESET, EXISTS);
    expect(outcome).toBeUndefined();
    expect(said.at(-1)).toBe('INFO an earlier attempt, whose answer was lost, has come in');
  });

  it('"already exists" at once: it is there, with a warning', async () => {
    const { outcome, warnings } = await send(() => EXISTS, { target: AWS });
    expect(outcome).toBeUndefined();
    expect(warnings).toEqual([expect.stringMatching(/already has a signal with the id i-1/)]);
  });

  it.each<[first: Answer, state: string, status: Signal['Status']]>([
    [RESET, 'CREATE_COMPLETE', 'SUCCESS'],
    [{ status: 502 }, 'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS', 'SUCCESS'],
    [RESET, 'ROLLBACK_IN_PROGRESS', 'FAILURE'],
    [RESET, 'CREATE_FAILED', 'FAILURE'],
  ])(
    'an answer that was lost (%j), then %s, as a signal of %s makes it: it has come in',
    async (first, state, status) => {
      expect((await answers(first, ended(state), { status })).outcome).toBeUndefined();
    },
  );

  it.each<[first: Answer, state: string, status: Signal['Status']]>([
    [ended('CREATE_COMPLETE'), 'CREATE_COMPLETE', 'SUCCESS'],
    [REFUSED, 'CREATE_COMPLETE', 'SUCCESS'],
    [NO_PROXY, 'CREATE_COMPLETE', 'SUCCESS'],
    [{ status: 429 }, 'UPDATE_COMPLETE', 'SUCCESS'],
    [RESET, 'ROLLBACK_COMPLETE', 'SUCCESS'],
    [RESET, 'CREATE_COMPLETE', 'FAILURE'],
    [inOtherWords, 'CREATE_COMPLETE', 'SUCCESS'],
  ])('%j, then %s, for a signal of %s: the stack waits no longer', async (first, state, status) => {
    const { outcome } = await answers(first, ended(state), { status });
    expect(lineOf(outcome)).toContain(`the stack no longer waits for signals, it is in state ${state}`);
    expect(outcome).toMatchObject({ exitCode: 1 });
  });
});

describe('a refusal by S3', () => {
  it.each<[target: SignalTarget, answer: Answer, says: RegExp]>([
    [S3, { status: 403, body: ofS3('AccessDenied', 'Request has expired') }, /Request has expired.*limited time only/],
    [
      HEAT,
      { status: 403, body: ofS3('AccessDenied', 'Request has expired') },
      /Request has expired.*limited time only/,
    ],
    [S3, { status: 403, body: ofS3('SignatureDoesNotMatch', 'no') }, /altered on its way.*quoting/],
    [S3, { status: 403 }, /expired or was altered/],
    [S3, { status: 404, body: ofS3('NoSuchBucket', 'no') }, /no such handle/],
    [S3, { status: 307 }, /a redirect.*S3/],
    [S3, { status: 400, body: ofS3('MalformedXML', 'no') }, /S3 does not accept/],
  ])('%#', async (target, answer, says) => {
    const line = lineOf((await send(() => answer, { target })).outcome);
    expect(line).toMatch(says);
    expect(line).not.toMatch(/keystone|heat-api|s3cret/);
  });
});

import { describe, expect, it } from 'vitest';
import { codeOf, Problem } from '../../../src/errors.ts';
import { createNativeMemory } from '../../../src/heat/keystone.ts';
import type { KeystoneCredentials } from '../../../src/heat/keystone-credentials.ts';
import { BY_HUP_CONFIG, BY_OPTIONS } from '../../../src/heat/named-by.ts';
import { describeNatively, type NativeAccess } from '../../../src/heat/native-describe.ts';
import type { HttpRequest, HttpResponse } from '../../../src/system/http/http.ts';
import { type TokenEndpoint, tokenBody } from '../../support/keystone-token.ts';

const CREDENTIALS: KeystoneCredentials = {
  authUrl: 'http://k:5000',
  identity: { kind: 'application', id: 'id', secret: 's3cret' },
  region: undefined,
  interface: 'public',
  caFile: undefined,
  isHandedOut: false,
};
const HEAT = 'http://heat:8004/v1/p';
const endpoint = (more: object = {}) => ({ interface: 'public', region_id: 'One', region: 'One', url: HEAT, ...more });
const bodyWith = (endpoints: readonly TokenEndpoint[] = [endpoint()], type = 'orchestration'): string =>
  tokenBody({ identity: [endpoint({ url: 'http://k:5000' })], [type]: endpoints });

type Answer = Partial<HttpResponse> | Error;
/** By `METHOD URL`: one answer after the other, the last for ever. */
type Answers = Readonly<Record<string, Answer | readonly Answer[]>>;

const TOKEN: Answer = { status: 201, headers: { 'x-subject-token': 'token1' }, body: bodyWith() };
const RESOURCE = `${HEAT}/stacks/s/1/resources/server`;
const WELL: Answers = {
  'POST http://k:5000/v3/auth/tokens': TOKEN,
  [`GET ${RESOURCE}/metadata`]: { body: '{"metadata": {"b": 1.0, "a": 2}}' },
  [`GET ${RESOURCE}`]: {
    body: '{"resource": {"resource_status": "UPDATE_COMPLETE", "physical_resource_id": "i-1", "updated_time": "2026-01-02T00:00:00Z"}}',
  },
};

/** A guest that asks servers which answer so. */
function guest(answers: Answers, more: Partial<NativeAccess> = {}) {
  const requests: HttpRequest[] = [];
  const secrets: string[] = [];
  const notes: string[] = [];
  const left = new Map(Object.entries(answers).map(([key, value]) => [key, [value].flat() as Answer[]]));
  let elapsed = 0;
  const access: NativeAccess = {
    kind: 'native',
    credentials: CREDENTIALS,
    url: undefined,
    transportTo: async () => ({}),
    bounds: { timeout: 30_000, attempts: 3, longestDelay: Number.POSITIVE_INFINITY },
    memory: createNativeMemory(),
    onSecret: (secret) => secrets.push(secret),
    namedBy: BY_OPTIONS,
    ...more,
  };
  const exchange = async (request: HttpRequest): Promise<HttpResponse> => {
    requests.push(request);
    const list = left.get(`${request.method} ${request.url}`) ?? [];
    const answer = list.length > 1 ? list.shift() : list[0];
    if (answer instanceof Error) throw answer;
    return { status: answer === undefined ? 404 : 200, headers: {}, body: '', ...answer };
  };
  const clock = {
    now: () => new Date('2026-01-01T00:00:00Z'),
    elapsed: () => elapsed,
    sleep: async (milliseconds: number) => {
      elapsed += milliseconds;
    },
    random: () => 0,
  };
  const http = { exchange, download: async () => {} };
  return {
    ask: (stack = 's/1', withStatus = false) =>
      describeNatively(access, stack, 'server', { http, clock, note: (text) => notes.push(text), withStatus }),
    asked: () => requests.map(({ method, url }) => `${method} ${url}`),
    requests,
    secrets,
    notes,
    pass: (milliseconds: number) => {
      elapsed += milliseconds;
    },
  };
}

const refusal = async (answers: Answers, more: Partial<NativeAccess> = {}, stack = 's/1') => {
  const { ask } = guest({ ...WELL, ...answers }, more);
  const problem = await ask(stack).catch((error: unknown) => error);
  if (!(problem instanceof Problem) || problem.code !== 'CFN_HEAT_REFUSED') throw problem;
  return problem.line;
};

describe('a resource', () => {
  it('its metadata as it is written, by one request after the token', async () => {
    const { ask, asked, requests, secrets } = guest(WELL);
    const { resource } = await ask();
    expect(resource).toEqual({
      isPartial: true,
      metadata: { value: { b: 1, a: 2 }, text: '{"b": 1.0, "a": 2}' },
      ...{ status: undefined, physicalId: undefined, lastUpdated: undefined },
    });
    expect(asked()).toEqual(['POST http://k:5000/v3/auth/tokens', `GET ${RESOURCE}/metadata`]);
    expect(JSON.parse(requests[0]?.body ?? '')).toEqual({
      auth: {
        identity: { methods: ['application_credential'], application_credential: { id: 'id', secret: 's3cret' } },
      },
    });
    expect(requests[1]?.headers).toMatchObject({ 'X-Auth-Token': 'token1' });
    expect(secrets).toEqual(['token1']);
  });

  it('and its state', async () => {
    const { resource } = await guest(WELL).ask('s/1', true);
    expect(resource).toMatchObject({
      status: 'UPDATE_COMPLETE',
      physicalId: 'i-1',
      lastUpdated: '2026-01-02T00:00:00Z',
    });
  });

  it.each([403, 401, 503])('whose state is not shown, with HTTP %d: its metadata counts', async (status) => {
    const { ask, asked } = guest({ ...WELL, [`GET ${RESOURCE}`]: { status } });
    expect((await ask('s/1', true)).resource).toMatchObject({ metadata: { value: { a: 2 } }, status: undefined });
    expect(asked()).toHaveLength(3);
  });

  it.each([null, {}])('without metadata: %j', async (metadata) => {
    const { resource } = await guest({
      ...WELL,
      [`GET ${RESOURCE}/metadata`]: { body: JSON.stringify({ metadata }) },
    }).ask();
    expect(resource.metadata).toEqual({ value: {}, text: '{}' });
  });

  it('by a password', async () => {
    const user = { name: 'anne', domain: { name: 'Default' } };
    const identity = { kind: 'password', user, password: 's3cret', project: { id: 'p' } } as const;
    const { ask, requests } = guest(WELL, { credentials: { ...CREDENTIALS, identity } });
    await ask();
    expect(JSON.parse(requests[0]?.body ?? '')).toEqual({
      auth: {
        identity: { methods: ['password'], password: { user: { ...user, password: 's3cret' } } },
        scope: { project: { id: 'p' } },
      },
    });
  });
});

describe('the stack', () => {
  const moved = (location: string): Answers => ({
    ...WELL,
    [`GET ${HEAT}/stacks/s`]: { status: 302, headers: { location } },
  });

  it('by an ARN', async () => {
    const { ask, asked } = guest(WELL);
    await ask('arn:openstack:heat::p:stacks/s/1');
    expect(asked()).toContain(`GET ${RESOURCE}/metadata`);
  });

  it.each([
    ['as Heat sends it', `${HEAT}/stacks/s/1`],
    ['with the scheme and the path that Heat sees behind a proxy', 'https://heat/v1/p/stacks/s/1'],
    ['relative', '/v1/p/stacks/s/1'],
  ])('by its name, of which Heat is asked once: %s', async (_, location) => {
    const { ask, asked } = guest(moved(location));
    await ask('s');
    await ask('s');
    expect(asked().slice(1)).toEqual([
      ...[`GET ${HEAT}/stacks/s`, `GET ${RESOURCE}/metadata`],
      `GET ${RESOURCE}/metadata`,
    ]);
  });

  it('by a redirect to another host: the token is not sent there', async () => {
    const { ask, requests } = guest(moved('http://evil/v1/p/stacks/s/1'));
    await expect(ask('s')).rejects.toHaveProperty(
      'line',
      `heat redirects to another host: ${HEAT}: the token is not sent to evil; where that is heat by another name, enable_proxy_headers_parsing in heat.conf makes it answer by this one`,
    );
    expect(requests.some(({ url }) => url.includes('evil'))).toBe(false);
  });

  it('that was made anew under its name is looked up again, once', async () => {
    const to = (id: string): Answer => ({ status: 302, headers: { location: `${HEAT}/stacks/s/${id}` } });
    const { ask, asked } = guest({
      ...moved(`${HEAT}/stacks/s/1`),
      [`GET ${HEAT}/stacks/s`]: [to('1'), to('2')],
      [`GET ${RESOURCE}/metadata`]: [{ body: '{"metadata": {"n": 1}}' }, { status: 404 }],
      [`GET ${RESOURCE.replace('/s/1/', '/s/2/')}/metadata`]: [{ body: '{"metadata": {"n": 2}}' }, { status: 404 }],
    });
    await ask('s');
    expect((await ask('s')).resource.metadata.value).toEqual({ n: 2 });
    await expect(ask('s')).rejects.toMatchObject({ code: 'CFN_HEAT_REFUSED' });
    expect(asked().filter((each) => each.endsWith('/stacks/s'))).toHaveLength(3);
  });

  it.each(['http://', '//', 'http://[', 'http://a b/'])(
    'by a redirect to %j: an answer of no use',
    async (location) => {
      await expect(guest(moved(location)).ask('s')).rejects.toMatchObject({ message: 'heat refused with HTTP 302' });
    },
  );

  it.each(['..', 's/..', 's//1'])('cannot be called %s', async (name) => {
    await expect(guest(WELL).ask(name)).rejects.toMatchObject({ message: `no stack is called "${name}"` });
  });
});

describe('the token', () => {
  it('is kept until shortly before its end', async () => {
    const { ask, asked, pass } = guest(WELL);
    const tokens = (): number => asked().filter((each) => each.startsWith('POST')).length;
    await ask();
    pass(58 * 60_000);
    await ask();
    expect(tokens()).toBe(1);
    pass(60_000);
    await ask();
    expect(tokens()).toBe(2);
  });

  it('that Heat refuses is renewed, once', async () => {
    const { ask, asked } = guest({
      ...WELL,
      'POST http://k:5000/v3/auth/tokens': [TOKEN, { ...TOKEN, headers: { 'x-subject-token': 'token2' } }],
      [`GET ${RESOURCE}/metadata`]: [{ status: 401 }, { body: '{"metadata": {"new": 1}}' }],
    });
    expect((await ask()).resource.metadata.value).toEqual({ new: 1 });
    expect(asked()).toHaveLength(4);
  });

  it('that Heat never takes', async () => {
    expect(await refusal({ [`GET ${RESOURCE}/metadata`]: { status: 401 } })).toBe(
      `heat refused with HTTP 401: ${HEAT}: keystone gave a token that heat does not accept: see the log of heat-api`,
    );
  });
});

describe('the address of Heat', () => {
  const catalogue = (...endpoints: readonly TokenEndpoint[]): Answers => ({
    'POST http://k:5000/v3/auth/tokens': { ...TOKEN, body: bodyWith(endpoints) },
  });

  it('that the caller names wins; the id of the project is added', async () => {
    const at = (url: string): Answers => ({
      ...WELL,
      [`GET ${url}/stacks/s/1/resources/server/metadata`]: { body: '{"metadata": {}}' },
    });
    await guest(at('http://other/v1/p'), { url: 'http://other/v1/' }).ask();
    await guest(at('http://other/heat/v1/q'), { url: 'http://other/heat/v1/q' }).ask();
  });

  it('of a region, by an interface', async () => {
    const west = endpoint({ region_id: 'West', url: 'http://west/v1/p' });
    const inside = endpoint({ region_id: 'West', interface: 'internal', url: 'http://inside/v1/p' });
    const { ask, asked } = guest(
      {
        ...catalogue(endpoint(), west, inside),
        'GET http://inside/v1/p/stacks/s/1/resources/server/metadata': { body: '{"metadata": {}}' },
      },
      { credentials: { ...CREDENTIALS, region: 'West', interface: 'internal' } },
    );
    await ask();
    expect(asked()[1]).toContain('http://inside/');
  });

  it.each<[name: string, answers: Answers, credentials: Partial<KeystoneCredentials>, says: string]>([
    [
      'no such service',
      { 'POST http://k:5000/v3/auth/tokens': { ...TOKEN, body: bodyWith([endpoint()], 'compute') } },
      {},
      "keystone's catalogue has no service of type orchestration: http://k:5000: it has compute, identity; does the cloud offer it?",
    ],
    [
      'not in the region',
      catalogue(endpoint(), endpoint({ region_id: 'Two' })),
      { region: 'West' },
      "keystone's catalogue has no service of type orchestration in the region West: http://k:5000: it has One, Two; set OS_REGION_NAME",
    ],
    [
      'not by the interface',
      catalogue(endpoint()),
      { interface: 'admin' },
      "keystone's catalogue has no admin endpoint of type orchestration: http://k:5000: it has public; set OS_INTERFACE",
    ],
  ])('%s', async (_, answers, credentials, says) => {
    expect(await refusal(answers, { credentials: { ...CREDENTIALS, ...credentials } })).toBe(says);
  });
});

it('of a stack that may be in another region', async () => {
  const body = bodyWith([endpoint(), endpoint({ region_id: 'Two' })]);
  const { ask } = guest({ ...WELL, 'POST http://k:5000/v3/auth/tokens': { ...TOKEN, body } });
  await expect(ask('other')).rejects.toHaveProperty(
    'hint',
    'check --stack and --resource; OS_REGION_NAME chooses among One, Two',
  );
});

describe('answers of keystone', () => {
  it.each<[answer: Answer, says: string]>([
    [
      {
        status: 401,
        body: '{"error": {"code": 401, "message": "The request you have made requires authentication."}}',
      },
      'keystone refused with HTTP 401 (The request you have made requires authentication.): http://k:5000: check the id and the secret of the application credential, and that it has not expired or been deleted',
    ],
    [{ status: 403 }, 'keystone refused with HTTP 403: http://k:5000: the user may not have a token for this project'],
    [
      { status: 300, body: '{"versions": {}}' },
      'keystone refused with HTTP 300: http://k:5000: a redirect is not followed; OS_AUTH_URL is the URL of keystone, as in https://HOST:5000/v3',
    ],
    [
      { status: 404, body: '<html>' },
      'keystone refused with HTTP 404: http://k:5000: OS_AUTH_URL is the URL of keystone',
    ],
    [{ status: 200, body: '<html>' }, 'keystone gave an answer that cannot be used: http://k:5000: is it keystone?'],
    [{ ...TOKEN, body: '<html>' }, 'keystone gave an answer that cannot be used'],
    [{ ...TOKEN, headers: {} }, 'keystone gave an answer that cannot be used'],
    [
      { ...TOKEN, body: '{"token": {}}' },
      "keystone's catalogue has no service of type orchestration: http://k:5000: it is empty",
    ],
  ])('%j', async (answer, says) => {
    const line = await refusal({ 'POST http://k:5000/v3/auth/tokens': answer });
    expect(line).toContain(says);
    expect(line).not.toContain('s3cret');
  });

  it('that it is overloaded: asked again', async () => {
    const { ask, notes } = guest({ ...WELL, 'POST http://k:5000/v3/auth/tokens': [{ status: 503 }, TOKEN] });
    await ask();
    expect(notes).toEqual(['keystone answered with HTTP 503: http://k:5000: trying again in 0.5 s']);
  });

  it('none, ever', async () => {
    const nobody = new Problem('no answer', { code: 'CFN_SERVER_UNREACHABLE', where: 'http://k:5000' });
    const problem = await guest({ 'POST http://k:5000/v3/auth/tokens': nobody })
      .ask()
      .catch((error: unknown) => error);
    expect(codeOf(problem)).toBe('CFN_HEAT_UNREACHABLE');
    expect(problem).toHaveProperty('line', 'no answer: http://k:5000');
  });
});

describe('answers of Heat', () => {
  const error = (message: string): string =>
    JSON.stringify({ code: 404, title: 'Not Found', error: { message, type: 'X' } });

  it.each<[answer: Answer, says: string]>([
    [
      { status: 404, body: error('The Stack (s) could not be found.') },
      `heat refused with HTTP 404 (The Stack (s) could not be found.): ${HEAT}: check --stack and --resource`,
    ],
    [{ status: 403, body: error('Forbidden') }, "heat's policy does not allow this user"],
    [{ status: 300 }, "check the address of heat, from keystone's catalogue"],
    [{ body: '<html>' }, `heat gave an answer that cannot be used: ${HEAT}: is it heat's own API?`],
    [{ body: '{}' }, 'heat gave an answer that cannot be used'],
    [{ body: '{"metadata": []}' }, 'heat gave an answer that cannot be used'],
  ])('%j', async (answer, says) => {
    expect(await refusal({ [`GET ${RESOURCE}/metadata`]: answer })).toContain(says);
  });

  it('nothing at the address that the caller names', async () => {
    const line = await refusal({}, { url: 'http://other/v1/', namedBy: BY_HUP_CONFIG });
    expect(line).toBe(
      "heat refused with HTTP 404: http://other/v1/p: check stack= in cfn-hup.conf and path= of the hook, and url= in cfn-hup.conf, which is the base URL of heat's own API here",
    );
  });

  it('that it is not well, ever', async () => {
    const problem = await guest({
      ...WELL,
      [`GET ${RESOURCE}/metadata`]: { status: 502, headers: { 'retry-after': '7' } },
    })
      .ask()
      .catch((caught: unknown) => caught);
    expect(codeOf(problem)).toBe('CFN_HEAT_UNREACHABLE');
    expect(problem).toMatchObject({
      line: `heat answered with HTTP 502: ${HEAT}: see the log of heat-api`,
      retryAfter: 7000,
    });
  });
});

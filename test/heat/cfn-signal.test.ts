import { describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import type { Ended } from '../support/process.ts';
import { useMachine } from '../support/use-machine.ts';
import type { StackReference } from './cloud.ts';
import { signUrl } from './sign.ts';
import { nativeWaitTemplate, waitTemplate } from './templates.ts';
import { useHeat } from './use-heat.ts';

const cloud = useHeat();
const machine = useMachine();

const signal = (...args: string[]): Promise<Ended> =>
  machine().run([binary('cfn-signal'), ...args], { env: { PATH: '/usr/bin:/bin' } });

const accepted = { code: 0, stdout: '', stderr: '' };
const answerOf = ({ code, stdout, stderr }: Ended) => ({ code, stdout, stderr });

/** A stack that waits, and the URL that it waits to be signalled at. */
async function waitingStack(options?: { count?: number }): Promise<{ stack: StackReference; url: string }> {
  const stack = await cloud().createUpToWaiting(waitTemplate(options));
  return { stack, url: String(stack.outputs['url']) };
}

/** What the wait condition was told: its data by the ids of the signals. */
async function dataOf(stack: StackReference): Promise<unknown> {
  return JSON.parse(String((await cloud().show(stack)).outputs['data']));
}

describe.concurrent('a handle of the AWS kind, by its pre-signed URL', () => {
  test('success: the stack is CREATE_COMPLETE and has our data', async ({ expect }) => {
    const { stack, url } = await waitingStack();
    expect((await cloud().show(stack)).status).toBe('CREATE_IN_PROGRESS');
    expect(answerOf(await signal('-e', '0', '-d', 'all \u2713 "well"', '-i', 'one', url))).toEqual(accepted);
    expect(await cloud().untilSettled(stack)).toMatchObject({ status: 'CREATE_COMPLETE' });
    expect(await dataOf(stack)).toEqual({ one: 'all \u2713 "well"' });
  });

  test('the URL as base64', async ({ expect }) => {
    const { stack, url } = await waitingStack();
    expect(answerOf(await signal(Buffer.from(url).toString('base64')))).toEqual(accepted);
    expect(await cloud().untilSettled(stack)).toMatchObject({ status: 'CREATE_COMPLETE' });
  });

  test('failure: the stack is CREATE_FAILED for the reason given', async ({ expect }) => {
    const { stack, url } = await waitingStack();
    const reason = 'no space left on /srv, "really" <none>';
    expect(answerOf(await signal('-e', '3', '-r', reason, '-i', 'one', url))).toEqual(accepted);
    const state = await cloud().untilSettled(stack);
    expect(state.status).toBe('CREATE_FAILED');
    expect(state.reason).toContain(reason);
  });

  test('an exit code that is no number is a failure', async ({ expect }) => {
    const { stack, url } = await waitingStack();
    expect((await signal('-e', '', url)).code).toBe(0);
    expect(await cloud().untilSettled(stack)).toMatchObject({
      status: 'CREATE_FAILED',
      reason: expect.stringContaining('Configuration failed'),
    });
  });

  test('a signal with the id of an earlier one takes its place, and is not counted twice', async ({ expect }) => {
    const { stack, url } = await waitingStack({ count: 2 });
    for (const data of ['first', 'second']) expect((await signal('-i', 'one', '-d', data, url)).code).toBe(0);
    await cloud().until(stack, ({ outputs }) => outputs['data'] === '{"one": "second"}');
    expect((await cloud().show(stack)).status).toBe('CREATE_IN_PROGRESS');
    expect((await signal('-i', 'two', '-d', 'third', url)).code).toBe(0);
    expect(await cloud().untilSettled(stack)).toMatchObject({ status: 'CREATE_COMPLETE' });
    expect(await dataOf(stack)).toEqual({ one: 'second', two: 'third' });
  });

  test('two signals without -i come from one machine, and count once', async ({ expect }) => {
    const { stack, url } = await waitingStack({ count: 2 });
    for (let count = 0; count < 2; count++) expect((await signal(url)).code).toBe(0);
    const { outputs } = await cloud().until(stack, (state) => (state.outputs['data'] ?? '{}') !== '{}');
    expect(Object.keys(JSON.parse(String(outputs['data'])))).toHaveLength(1);
  });
});

describe.concurrent('a handle of the AWS kind that refuses: exit 1, one line that says why it may be', () => {
  const refused = (ended: Ended) => {
    expect(answerOf(ended)).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^cfn-signal: [^\n]*403[^\n]*\n$/),
    });
    // At once: there is no use in trying again.
    expect(ended.milliseconds).toBeLessThan(10_000);
    return ended.stderr;
  };

  test('the stack is deleted', async ({ expect }) => {
    const { stack, url } = await waitingStack();
    await cloud().deleteStack(stack);
    const stderr = refused(await signal(url));
    expect(stderr).toMatch(/expires after 15 minutes/);
    expect(stderr).toMatch(/deleted/);
    expect(stderr).not.toMatch(/Signature=/);
  });

  test('the URL has expired, while one of the same kind that has not is accepted', async ({ expect }) => {
    const { stack, url } = await waitingStack();
    const keys = await cloud().makeKeys('of-the-owner');
    const [address = ''] = url.split('?');
    const minutesAgo = (minutes: number) => signUrl('PUT', address, {}, keys, new Date(Date.now() - minutes * 60_000));
    expect(refused(await signal(minutesAgo(16)))).toMatch(/expired.*signed 16 minutes ago.*15 minutes.*HEAT_SIGNAL/);
    expect(await dataOf(stack)).toEqual({});
    expect(answerOf(await signal(minutesAgo(13)))).toEqual(accepted);
    expect(await cloud().untilSettled(stack)).toMatchObject({ status: 'CREATE_COMPLETE' });
  });

  test('the URL was altered on its way here', async ({ expect }) => {
    const { stack, url } = await waitingStack();
    const stderr = refused(await signal(url.slice(0, -6)));
    expect(stderr).toMatch(/quoting/);
    expect((await cloud().show(stack)).status).toBe('CREATE_IN_PROGRESS');
  });

  test('the URL ends at its first ampersand, as in a shell without quotes', async ({ expect }) => {
    const { url } = await waitingStack();
    const ended = await signal(url.slice(0, url.indexOf('&')));
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^cfn-signal: [^\n]*400[^\n]*\n$/);
  });
});

describe.concurrent("a handle of heat's own kind", () => {
  test.each([
    ['success', ['-e', '0'], 'CREATE_COMPLETE'],
    ['failure', ['-e', '1', '-r', 'the disk is full'], 'CREATE_FAILED'],
  ])('%s with its token', async (_, verdict, status) => {
    const stack = await cloud().createUpToWaiting(nativeWaitTemplate('TOKEN_SIGNAL'));
    const { url, token } = stack.outputs;
    const ended = await signal(...verdict, '-i', 'me', '-d', 'some data', '--token', String(token), String(url));
    expect(answerOf(ended)).toEqual(accepted);
    const state = await cloud().untilSettled(stack);
    expect(state.status).toBe(status);
    if (status === 'CREATE_FAILED') expect(state.reason).toContain('the disk is full');
    else expect(state.outputs['data']).toBe('{"me": "some data"}');
  });

  test('by its pre-signed URL, which looks like one of the AWS kind', async ({ expect }) => {
    const stack = await cloud().createUpToWaiting(nativeWaitTemplate('CFN_SIGNAL'));
    const { alarm_url: url } = JSON.parse(String(stack.outputs['signal'])) as { alarm_url: string };
    expect(answerOf(await signal('-i', 'me', '-d', 'some data', url))).toEqual(accepted);
    const state = await cloud().untilSettled(stack);
    expect(state).toMatchObject({ status: 'CREATE_COMPLETE', outputs: { data: '{"me": "some data"}' } });
  });

  test('a token that is none: exit 1, and the token is not shown', async ({ expect }) => {
    const stack = await cloud().createUpToWaiting(nativeWaitTemplate('TOKEN_SIGNAL'));
    const ended = await signal('--token', 'gAAAAABnotatoken', String(stack.outputs['url']));
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^cfn-signal: [^\n]*401[^\n]*token[^\n]*\n$/);
    expect(ended.stderr).not.toContain('notatoken');
    expect((await cloud().show(stack)).status).toBe('CREATE_IN_PROGRESS');
  });

  test("the token of another stack's handle: exit 1", async ({ expect }) => {
    const [one, two] = await Promise.all([
      cloud().createUpToWaiting(nativeWaitTemplate('TOKEN_SIGNAL')),
      cloud().createUpToWaiting(nativeWaitTemplate('TOKEN_SIGNAL')),
    ]);
    const ended = await signal('--token', String(two.outputs['token']), String(one.outputs['url']));
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^cfn-signal: [^\n]*403[^\n]*\n$/);
    expect((await cloud().show(one)).status).toBe('CREATE_IN_PROGRESS');
  });
});

test('a resource by --stack and --resource, which heat cannot do: exit 1 with the way out', async () => {
  const { stack } = await waitingStack();
  const { access, secret } = await cloud().makeKeys('of-the-owner');
  const where = ['--stack', stack.name, '--resource', 'wait', '-u', cloud().addresses.cfn, '--region', 'RegionOne'];
  const ended = await signal(...where, '--access-key', access, '--secret-key', secret);
  expect(answerOf(ended)).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^cfn-signal: [^\n]*WaitConditionHandle[^\n]*\n$/),
  });
});

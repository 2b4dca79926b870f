import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import type { Ended } from '../support/process.ts';
import { useSandbox } from '../support/use-machine.ts';
import { expiringTemplate, nativeWaitTemplate } from './templates.ts';
import { useHeat } from './use-heat.ts';

const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
const DONE = { code: 0, stdout: '', stderr: '' };
const view = useSandbox({ network: 'shared' });

const signal = (handle: string, ...options: string[]): Promise<Ended> =>
  view().run([binary('cfn-signal'), ...options, '-i', 'one', '-d', 'well', '-'], { env: { PATH }, input: handle });

describe.concurrent.each([
  { which: 'heat', policy: 'the policy of Debian 12' },
  { which: 'heatOfToday', policy: 'the policy of Heat 2024.1 and later' },
] as const)('under $policy', ({ which }) => {
  const cloud = useHeat(which);

  // The test's own swift is beside the second heat.
  const transports = which === 'heat' ? (['HEAT_SIGNAL'] as const) : (['HEAT_SIGNAL', 'TEMP_URL_SIGNAL'] as const);
  describe.each(transports)('a handle with %s', (transport) => {
    test.each([
      ['0', 'CREATE_COMPLETE'],
      ['3', 'CREATE_FAILED'],
    ])('-e %s: %s', async (code, status) => {
      const stack = await cloud().createUpToWaiting(nativeWaitTemplate(transport));
      expect(await signal(String(stack.outputs['signal']), '-e', code)).toMatchObject(DONE);
      const state = await cloud().untilSettled(stack);
      expect(state.status).toBe(status);
      if (code === '0') expect(JSON.parse(String(state.outputs['data']))).toEqual({ one: 'well' });
    });
  });
});

describe.concurrent('when keystone accepts no signature of that age any more', () => {
  const cloud = useHeat('heatOfToday');

  test('a signed URL is refused with its age, and a handle with HEAT_SIGNAL completes its condition', async () => {
    const stack = await cloud().createUpToWaiting(expiringTemplate());
    const { url, signal: handle } = stack.outputs;
    const signed = Date.parse(new URL(String(url)).searchParams.get('Timestamp') ?? '');
    await sleep(signed + 61_500 - Date.now());
    const refused = await signal(String(url));
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(
      /^cfn-signal: the signal was refused with HTTP 40[13][^\n]*the URL was signed \d+ seconds ago/,
    );
    expect(await signal(String(handle))).toMatchObject(DONE);
    expect(await cloud().untilSettled(stack)).toMatchObject({ status: 'CREATE_COMPLETE' });
  });
});

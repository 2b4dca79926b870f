import { describe, expect, it } from 'vitest';
import { applyTo, fakeSystemd, type Unit } from './fake-systemd.ts';

const UP = { ensureRunning: true };
const services = (...names: readonly string[]) => ({
  services: { systemd: Object.fromEntries(names.map((name) => [name, UP])) },
});
const command = (text: string) => ({ commands: { c: { command: text } } });
const sleeping = (seconds: number) => ({
  commands: { c: { command: 'true', waitAfterCompletion: seconds } },
});
const frail = (): Unit => ({ diesAfter: 1000 });

describe('the watch of services', () => {
  it('is one wait for all configs, at the end', async () => {
    const fake = fakeSystemd({ a: {}, b: {}, c: {} });
    const { results } = await applyTo(fake, { one: services('a'), two: services('b'), three: services('c') });
    expect(results).toEqual([
      'one services changed a',
      'two services changed b',
      'three services changed c',
      'one, two, three services unchanged watch of a, b, c',
    ]);
    expect(fake.passed()).toBeLessThan(4000);
    expect(fake.calls.at(-1)).toBe('show a.service b.service c.service');
  });

  it('blames the service that has not stayed up, not the last one', async () => {
    const { results, stoppedBy } = await applyTo(fakeSystemd({ a: frail(), b: {} }), {
      one: services('a'),
      two: services('b'),
    });
    expect(results.slice(2)).toEqual(['two services unchanged watch of b', 'one services failed a']);
    expect(stoppedBy).toMatch(/^service "a" did not stay up: config "one", services systemd "a": exit code 1/);
  });

  it('looks before the commands of a later config at what has been up for long enough', async () => {
    const fake = fakeSystemd({ a: frail(), b: {} });
    const { results, stoppedBy } = await applyTo(fake, {
      one: { ...services('a') },
      two: { ...sleeping(5), ...services('b') },
      three: command('never'),
    });
    expect(results).toEqual([
      'one services changed a',
      'two commands changed c',
      'two services changed b',
      'one services failed a',
      'two services unchanged watch of b',
    ]);
    expect(stoppedBy).toMatch(/^service "a" did not stay up/);
  });

  it('does not wait there', async () => {
    let when = Number.NaN;
    const fake = fakeSystemd({ a: {} }, { note: ({ passed }) => (when = passed()) });
    const { results } = await applyTo(fake, { one: services('a'), two: command('note') });
    expect(when).toBeLessThan(1000);
    expect(results.at(-1)).toBe('one services unchanged watch of a');
    expect(fake.passed()).toBeGreaterThanOrEqual(3000);
  });

  it('tells what is wrong with them when something else has failed, which remains the reason', async () => {
    const fake = fakeSystemd({ a: frail() });
    const { results, said, stoppedBy } = await applyTo(fake, { one: services('a'), two: command('false') });
    expect(results).toEqual(['one services changed a', 'two commands failed c', 'one services failed a']);
    expect(said).toEqual([expect.stringMatching(/^ERROR service "a" did not stay up/)]);
    expect(stoppedBy).toMatch(/^the command ended with exit code 1/);
  });

  it('is a warning where heat-cfntools only warned', async () => {
    const fake = fakeSystemd({ a: frail() });
    const { said, stoppedBy } = await applyTo(fake, { one: services('a') }, true);
    expect(said).toEqual([
      expect.stringMatching(/^WARNING service "a" did not stay up.*continuing, as heat-cfntools did$/),
    ]);
    expect(stoppedBy).toBeUndefined();
  });

  it('ends for a service that the run itself stops', async () => {
    const fake = fakeSystemd({ a: {} });
    const two = { services: { systemd: { a: { ensureRunning: false } } } };
    const { results, stoppedBy } = await applyTo(fake, { one: services('a'), two });
    expect({ results, stoppedBy }).toEqual({
      results: ['one services changed a', 'two services changed a'],
      stoppedBy: undefined,
    });
    expect(fake.passed()).toBeLessThan(1000);
  });
});

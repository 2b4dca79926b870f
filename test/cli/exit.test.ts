import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { project } from '../support/binary.ts';
import { useMachine } from '../support/use-machine.ts';

const machine = useMachine();

/** Runs the program from its source, after a script that changes the world it finds. */
function main(before: string, args: readonly string[]) {
  const preload = `data:text/javascript,${encodeURIComponent(before)}`;
  return machine().run([process.execPath, '--import', preload, join(project, 'src/main.ts'), ...args]);
}

const SIGNAL = ['cfn-signal', '-i', 'me', 'http://127.0.0.1:9/x?Signature=s'];
const withRequest = (request: string): string => `
  import http from 'node:http';
  import { EventEmitter } from 'node:events';
  import { syncBuiltinESMExports } from 'node:module';
  http.request = ${request};
  syncBuiltinESMExports();`;

describe('the exit code', () => {
  test('is 70 where the event loop ends before the command', async () => {
    // An answer that never comes, and nothing that would wait for it.
    const { code, stderr } = await main(
      `${withRequest('() => Object.assign(new EventEmitter(), { end() {}, destroy() {} })')}
      const { setTimeout } = globalThis;
      globalThis.setTimeout = (...args) => setTimeout(...args).unref();`,
      SIGNAL,
    );
    expect({ code, stderr }).toEqual({
      code: 70,
      stderr: expect.stringMatching(/^cfntools: a bug in cfntools: [^\n]+\n$/),
    });
  });

  test('is that of the command where something is left to wait for', async () => {
    const { code, stdout, milliseconds } = await main('setInterval(() => undefined, 1000)', [
      'cfn-signal',
      '--version',
    ]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^cfntools /) });
    expect(milliseconds).toBeLessThan(20_000);
  });

  test('is 70 for an error that nobody hears', async () => {
    const { code, stderr } = await main(
      withRequest(`() => {
        setTimeout(() => { throw new Error('lost'); });
        return Object.assign(new EventEmitter(), { end() {}, destroy() {} });
      }`),
      SIGNAL,
    );
    expect({ code, stderr }).toEqual({ code: 70, stderr: expect.stringContaining('a bug in cfntools') });
  });
});

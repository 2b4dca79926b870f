import { expect, it } from 'vitest';
import { createLog } from '../../../../src/logging/log.ts';
import { Redactor } from '../../../../src/redact.ts';
import { aptSigns } from '../../../../src/sections/packages/managers/apt-output.ts';
import { callPackageTool } from '../../../../src/sections/packages/package-tool.ts';
import type { World } from '../../../../src/sections/step.ts';
import type { ToolOptions } from '../../../../src/system/programs/exec.ts';

const LOCKED =
  'E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 12 (apt-get)\nE: Unable to acquire the dpkg frontend lock';

it('what a tool prints is logged as it comes; its words about a lock once, with who holds it', async () => {
  const logged: string[] = [];
  const waits: (string | undefined)[] = [];
  const attempts = [LOCKED, LOCKED, LOCKED, 'Setting up sl ...\nDone'];
  const world = {
    system: {
      files: { readIfPresent: () => undefined },
      clock: { elapsed: () => 0, sleep: async () => {} },
      exec: {
        tool: async (_: readonly string[], { onLines }: ToolOptions) => {
          const output = attempts.shift() ?? '';
          for (const line of output.split('\n')) onLines?.([line], 0);
          return { exitCode: attempts.length === 0 ? 0 : 100, stdout: output, output };
        },
      },
    },
    log: createLog(new Redactor(), [{ write: (_, text) => void logged.push(text) }]),
    onWait: (what: string | undefined) => void waits.push(what),
  } as Partial<Record<keyof World, unknown>> as World;
  const call = { manager: 'apt', command: ['apt-get', 'install', 'sl'], signs: aptSigns } as const;
  expect((await callPackageTool(call, world)).exitCode).toBe(0);
  const [first = '', second = ''] = LOCKED.split('\n');
  expect(logged).toEqual([
    `apt-get: ${first}`,
    `apt-get: ${second}`,
    'process 12 (apt-get) holds the lock of apt-get, waiting for it',
    'apt-get: Setting up sl ...',
    'apt-get: Done',
  ]);
  const wait = 'waiting for process 12 (apt-get), which holds the lock of apt-get';
  expect(waits).toEqual([wait, undefined, wait, undefined, wait, undefined]);
});

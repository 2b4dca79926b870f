import { expect, it } from 'vitest';
import { Problem } from '../../../../src/errors.ts';
import { systemd } from '../../../../src/sections/services/managers/systemd.ts';
import { systemClock } from '../../../../src/system/clock.ts';
import { createFileSystem } from '../../../../src/system/files/file-system.ts';
import type { Exec, ToolResult } from '../../../../src/system/programs/exec.ts';
import type { System } from '../../../../src/system/system.ts';

it('a start whose look at the jobs fails leaves no systemctl behind', async () => {
  let hasEnded = false;
  const exec: Pick<Exec, 'query' | 'tool'> = {
    query: async () => {
      throw new Problem('systemctl does not answer');
    },
    tool: (_, options) =>
      new Promise<ToolResult>((resolve) => {
        options?.abort?.addEventListener('abort', () => {
          hasEnded = true;
          resolve({ exitCode: 143, stdout: '', output: '', cut: 'abort' });
        });
      }),
  };
  const system = { exec, files: createFileSystem('/'), clock: systemClock } as unknown as System;
  await expect(systemd(system, 60_000).start('x')).rejects.toThrow('systemctl does not answer');
  expect(hasEnded).toBe(true);
});

import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { type Held, oncePerRun } from '../support/once-per-run.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A directory of this run, for the image and for work files. */
    images: string;
  }
}

/**
 * One place for the image that all files of test/image and test/openstack boot; the first of them that needs it builds it, see
 * use-images.ts.
 */
export default function prepareImages(project: TestProject): () => Promise<void> {
  const { value, end } = oncePerRun('images', holdDirectory);
  project.provide('images', value);
  return end;
}

function holdDirectory(): Held<string> {
  const directory = mkdtempSync(join(tmpdir(), 'cfntools-images-'));
  // A gigabyte that is to go however the tests end: then its stdin is closed.
  const remover = spawn('bash', ['-c', 'read -r _; rm -rf "$0"', directory], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  });
  const ended = new Promise((resolve) => remover.once('close', resolve));
  return {
    value: directory,
    end: async () => {
      remover.stdin?.end();
      await ended;
    },
  };
}

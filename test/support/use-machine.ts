import { existsSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { type Machine, openDirectly, openSandbox, type SandboxOptions } from './sandbox.ts';
import { prepareMachine } from './second-attempt.ts';

/** Whether the tests run as root. */
export const isRoot = process.geteuid?.() === 0;

/** Why a machine cannot be had here: the tests that need it are skipped for that. */
export class NotHere extends Error {}

/** Stands for a machine that is opened before the first test of the file. */
export type UsedMachine = () => Machine;

/**
 * A view of this machine that the tests of a file may change as they like; they are skipped where there can be none.
 * @param tools programs that the tests need besides
 * @param root makes what is viewed in the place of this machine; may throw NotHere
 */
export function useSandbox(
  options: SandboxOptions = {},
  tools: readonly string[] = [],
  root?: () => Promise<string>,
): UsedMachine {
  const reason = reasonAgainst(options, tools);
  const open = async (): Promise<Machine> =>
    openSandbox(root === undefined ? options : { ...options, root: await root() });
  return use(open, reason, options.init === undefined ? beforeAll : prepareMachine);
}

/**
 * Where commands are run that change nothing but files in `shared`, and see the servers of the test: as root in a view,
 * so that no log file is left on the machine; as an ordinary user on the machine itself.
 */
export function useMachine(): UsedMachine {
  return use(async () => (isRoot ? openSandbox({ network: 'shared' }) : openDirectly()), undefined);
}

function use(
  open: () => Promise<Machine>,
  reasonAgainstIt: string | undefined,
  prepare: (open: () => Promise<void>) => void = beforeAll,
): UsedMachine {
  let machine: Machine | undefined;
  let reason = reasonAgainstIt;
  prepare(async () => {
    try {
      if (reason === undefined) machine = await open();
    } catch (error) {
      if (!(error instanceof NotHere)) throw error;
      reason = error.message;
    }
  });
  beforeEach((context) => {
    if (reason !== undefined) context.skip(reason);
  });
  afterAll(async () => machine?.close());
  return () => {
    if (machine === undefined) throw new Error('the machine is there within tests only');
    return machine;
  };
}

function reasonAgainst({ init }: SandboxOptions, tools: readonly string[]): string | undefined {
  if (!isRoot) return 'needs root';
  const missing = ['unshare', 'nsenter', ...(init === undefined ? [] : ['systemd-nspawn']), ...tools].filter(
    (tool) => !isInstalled(tool),
  );
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}`;
}

/** True when a program is in PATH or where administrators' tools live. */
export function isInstalled(program: string): boolean {
  const directories = `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin`.split(':');
  return directories.some((directory) => existsSync(`${directory}/${program}`));
}

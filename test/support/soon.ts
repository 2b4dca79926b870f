import { availableParallelism, loadavg } from 'node:os';
import { expect } from 'vitest';
import { binary } from './binary.ts';
import { run } from './process.ts';

/** Milliseconds in which a command starts and ends on a machine that has nothing else to do, with something to spare. */
const START = 80;
const STARTS = 3;

/**
 * Expects that something has taken less than so many milliseconds of a machine that has nothing else to do. Where it took more,
 * what this machine takes just then to start a command tells whether the machine is slow, or what was measured.
 */
export async function expectSoon(milliseconds: number, limit: number): Promise<void> {
  if (milliseconds < limit) return;
  const factor = await slowness();
  expect(milliseconds, `${limit} ms, on a machine ${factor.toFixed(1)} times as slow`).toBeLessThan(limit * factor);
}

/** How many times as slow as a quiet one this machine is just now: 1 or more. */
async function slowness(): Promise<number> {
  const starts: number[] = [];
  for (let count = 0; count < STARTS; count++)
    starts.push((await run([binary('cfn-signal'), '--version'])).milliseconds);
  const waiting = (loadavg()[0] ?? 0) / availableParallelism();
  return Math.max(1, waiting, Math.max(...starts) / START);
}

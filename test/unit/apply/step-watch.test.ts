import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type StepWatch, watchStep } from '../../../src/apply/step-watch.ts';
import { createLog } from '../../../src/logging/log.ts';
import { Redactor } from '../../../src/redact.ts';

const STEP = { section: 'packages', config: 'config', entry: { name: 'apt', place: '/x' } } as const;
let logged: string[] = [];
let lasting: string[] = [];
let looks = 0;
let lock: string | undefined;

beforeEach(() => {
  vi.useFakeTimers();
  [logged, lasting, looks, lock] = [[], [], 0, undefined];
});
afterEach(() => void vi.useRealTimers());

const findWait = (): string | undefined => {
  looks += 1;
  return lock;
};

function watch(): StepWatch {
  const log = createLog(new Redactor(), [
    { write: (level, text, about) => void logged.push(`${level} ${about?.event} ${text}`) },
  ]);
  return watchStep(STEP, {
    log,
    clock: { elapsed: () => Date.now() },
    findWait,
    onLasting: (line) => void lasting.push(line),
  });
}

it('tells at once that a step begins, and each minute that it lasts and what it waits for', () => {
  const step = watch();
  expect(logged).toEqual(['INFO stepBegun packages  begins     apt']);
  vi.advanceTimersByTime(60_000);
  lock = 'waiting for process 12 (apt-get), which holds /var/lib/dpkg/lock-frontend';
  vi.advanceTimersByTime(60_000);
  step.waitsFor('waiting for process 7');
  vi.advanceTimersByTime(60_000);
  step.end();
  vi.advanceTimersByTime(600_000);
  expect(lasting).toEqual([
    'packages  lasts      apt  1 min',
    `packages  lasts      apt  (${lock})  2 min`,
    'packages  lasts      apt  (waiting for process 7)  3 min',
  ]);
  expect(logged.slice(1)).toEqual(lasting.map((line) => `INFO stepLasts ${line}`));
});

it('is asked each second on a terminal, and looks at the machine less often', () => {
  const step = watch();
  for (let second = 0; second < 20; second++) {
    step.wait();
    vi.advanceTimersByTime(1000);
  }
  step.end();
  expect(looks).toBe(4);
});

it('a step that ends soon is only said to begin', () => {
  watch().end();
  vi.advanceTimersByTime(600_000);
  expect([logged.length, lasting.length, looks]).toEqual([1, 0, 0]);
});

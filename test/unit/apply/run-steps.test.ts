import { describe, expect, it } from 'vitest';
import type { Report, StepResult } from '../../../src/apply/report.ts';
import { runSteps, TOLERATED_BY_HEAT } from '../../../src/apply/run-steps.ts';
import type { SectionName } from '../../../src/config/config.ts';
import { ExitCode, Problem } from '../../../src/errors.ts';
import { createLog, type Level } from '../../../src/log.ts';
import { Redactor } from '../../../src/redact.ts';
import type { BoundStep, StepInspection } from '../../../src/sections/index.ts';
import type { Changes, Outcome } from '../../../src/sections/step.ts';
import { MissingAccount } from '../../../src/system/accounts.ts';
import type { Clock } from '../../../src/system/clock.ts';
import { Interrupted } from '../../../src/system/signals.ts';
import type { System } from '../../../src/system/system.ts';

/** A clock on which every look takes one millisecond. */
function fakeClock(): Clock {
  let time = 0;
  return { now: () => new Date(0), elapsed: () => time++, sleep: async () => {}, random: () => 0 };
}

interface Wish {
  readonly worksOnRoot?: boolean;
  readonly apply?: (changes: Changes) => Outcome;
}

/** A step that is changed, or does what `apply` says. */
function step(section: SectionName, name: string, { worksOnRoot = true, apply }: Wish = {}): BoundStep {
  return {
    section,
    config: 'config',
    entry: { name, place: `/${section}/${name}` },
    worksOnRoot,
    inspect: async ({ changes }) => ({
      state: 'differs',
      what: 'to be done',
      apply: async () => apply?.(changes) ?? { state: 'changed', what: 'done' },
    }),
  };
}

/** A step that a look at the machine settles. */
function settled(section: SectionName, name: string, inspection: StepInspection): BoundStep {
  return {
    ...step(section, name),
    inspect: async () => inspection,
  };
}

function failing(section: SectionName, name: string, problem: Error = new Problem(`${name} failed`)): BoundStep {
  return step(section, name, {
    apply: () => {
      throw problem;
    },
  });
}

interface Run {
  readonly report: Report;
  /** `name state what` of each result, as they were announced. */
  readonly heard: readonly string[];
  readonly logged: readonly (readonly [Level, string])[];
}

async function run(
  steps: readonly BoundStep[],
  {
    tolerated = new Set<SectionName>(),
    isOtherRoot = false,
    abort,
  }: { tolerated?: ReadonlySet<SectionName>; isOtherRoot?: boolean; abort?: AbortSignal } = {},
): Promise<Run> {
  const heard: string[] = [];
  const logged: [Level, string][] = [];
  const report = await runSteps(
    { steps, finish: async () => {}, findWait: () => undefined },
    {
      system: { clock: fakeClock(), ...(abort === undefined ? {} : { abort }) } as System,
      log: createLog(new Redactor(), [{ write: (level, text) => logged.push([level, text]) }]),
      tolerated,
      isOtherRoot,
      onResult: ({ step: { entry }, state, what }: StepResult) =>
        heard.push(`${entry.name} ${state} ${what}`.trimEnd()),
    },
  );
  return { report, heard, logged };
}

describe('a run', () => {
  it('without steps does nothing', async () => {
    const { report } = await run([]);
    expect(report).toMatchObject({ results: [], stoppedBy: undefined, notRun: 0 });
  });

  it('takes the steps in order, and changes only what differs', async () => {
    const { report, heard } = await run([
      step('groups', 'a'),
      settled('files', 'b', { state: 'unchanged' }),
      settled('commands', 'c', { state: 'skipped', reason: 'the test said no' }),
      step('services', 'd', { apply: () => ({ state: 'skipped', reason: 'not needed' }) }),
    ]);
    expect(heard).toEqual(['a changed done', 'b unchanged', 'c skipped the test said no', 'd skipped not needed']);
    expect(report).toMatchObject({ stoppedBy: undefined, notRun: 0 });
    expect(report.results).toHaveLength(4);
  });

  it('measures steps and the whole by the clock', async () => {
    const { report } = await run([step('files', 'a'), step('files', 'b')]);
    expect(report.results.map(({ duration }) => duration)).toEqual([1, 1]);
    expect(report.duration).toBeGreaterThanOrEqual(2);
  });

  it.each<[string, ReadonlySet<SectionName>]>([
    ['', new Set()],
    [', whatever is tolerated', TOLERATED_BY_HEAT],
  ])('ends at a signal with its exit code, and names the step%s', async (_, tolerated) => {
    const interrupted = new Interrupted('SIGINT', 'last words\n');
    const { report, heard, logged } = await run(
      [step('groups', 'a'), failing('packages', 'b', interrupted), step('files', 'c'), step('files', 'd')],
      { tolerated },
    );
    const line = 'ended by SIGINT: /packages/b: 2 steps were not run; run cfn-init again';
    expect(heard).toEqual(['a changed done', `b failed ${line}`]);
    expect(report).toMatchObject({ stoppedBy: { line, exitCode: ExitCode.interrupted }, notRun: 2 });
    expect(logged).toContainEqual(['INFO', 'it printed\nlast words']);
  });

  it('begins no step once a signal has come', async () => {
    const controller = new AbortController();
    const last = step('files', 'a', {
      apply: () => {
        controller.abort(new Interrupted('SIGHUP'));
        return { state: 'changed', what: 'done' };
      },
    });
    const { report, heard } = await run([last, step('files', 'b')], { abort: controller.signal });
    expect(heard).toEqual(['a changed done']);
    expect(report).toMatchObject({ stoppedBy: { where: '/files/b', exitCode: ExitCode.hungUp }, notRun: 1 });
  });

  it('is heard between steps that wait for nothing', async () => {
    const controller = new AbortController();
    const first = step('files', 'a', {
      apply: () => {
        setImmediate(() => controller.abort(new Interrupted('SIGTERM')));
        return { state: 'changed', what: 'written' };
      },
    });
    const { report, heard } = await run([first, step('files', 'b')], { abort: controller.signal });
    expect(heard).toEqual(['a changed written']);
    expect(report.stoppedBy?.where).toBe('/files/b');
  });

  it('ends at the first failure', async () => {
    const problem = new Problem('no package x', { where: 'yum', output: 'Error: x\n' });
    const { report, heard, logged } = await run([
      step('groups', 'a'),
      failing('packages', 'yum', problem),
      step('files', 'c'),
      step('files', 'd'),
    ]);
    expect(heard).toEqual(['a changed done', 'yum failed no package x: yum']);
    expect(report.stoppedBy).toBe(problem);
    expect(report.notRun).toBe(2);
    expect(report.results[1]?.problem).toBe(problem);
    expect(logged.map(([, text]) => text).join('\n')).toContain('Error: x');
  });

  it('fails as well when the look at the machine fails', async () => {
    const problem = new Problem('cannot read');
    const broken = { ...step('files', 'a'), inspect: () => Promise.reject(problem) };
    expect((await run([broken, step('files', 'b')])).report).toMatchObject({ stoppedBy: problem, notRun: 1 });
  });

  it.each([new TypeError('a bug'), new Problem('misused', { exitCode: ExitCode.usage })])(
    'hands on what is no failure of a step: %s',
    async (error) => {
      await expect(run([failing('files', 'a', error)], { tolerated: TOLERATED_BY_HEAT })).rejects.toBe(error);
    },
  );

  it('takes what the system refuses for a failure of the step', async () => {
    const error = Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC', syscall: 'write' });
    const { report } = await run([failing('files', 'a', error), step('files', 'b')]);
    expect(report).toMatchObject({ stoppedBy: { message: 'write failed', cause: error }, notRun: 1 });
  });

  it.each([true, false])('skips what needs an account below another root only: %s', async (isOtherRoot) => {
    const { heard } = await run([failing('files', 'a', new MissingAccount('no user "x"'))], { isOtherRoot });
    expect(heard).toEqual([`a ${isOtherRoot ? 'skipped' : 'failed'} no user "x"`]);
  });

  it('takes a deadline that passed for a failure of the step', async () => {
    const problem = new Problem('too late', { exitCode: ExitCode.deadline });
    expect((await run([failing('packages', 'apt', problem)])).report).toMatchObject({ stoppedBy: problem });
  });
});

describe('as heat-cfntools', () => {
  it.each<[section: SectionName, goesOn: boolean]>([
    ['packages', true],
    ['sources', true],
    ['users', true],
    ['groups', true],
    ['services', true],
    ['files', false],
    ['commands', false],
  ])('a failure in %s: goes on %s', async (section, goesOn) => {
    const { report, heard, logged } = await run([failing(section, 'a'), step('files', 'b')], {
      tolerated: TOLERATED_BY_HEAT,
    });
    expect(heard).toEqual(goesOn ? ['a failed a failed', 'b changed done'] : ['a failed a failed']);
    expect(report.stoppedBy === undefined).toBe(goesOn);
    expect(logged.some(([level, text]) => level === 'WARNING' && text.includes('a failed'))).toBe(goesOn);
  });

  it('a failed step counts as no change', async () => {
    let seen = true;
    const look = step('services', 's', {
      apply: (changes) => {
        seen = changes.has('sources', '/opt');
        return { state: 'unchanged' };
      },
    });
    await run([failing('sources', '/opt'), look], { tolerated: TOLERATED_BY_HEAT });
    expect(seen).toBe(false);
  });
});

describe('changes', () => {
  it('are seen by later steps only, by section', async () => {
    const seen: Record<string, readonly string[]> = {};
    const looking = (name: string): BoundStep =>
      step('commands', name, {
        apply: (changes) => {
          seen[name] = (['files', 'packages', 'commands', 'sources'] as const).flatMap((section) =>
            changes.names(section).map((change) => `${section} ${change}`),
          );
          return { state: 'changed', what: 'looked' };
        },
      });
    await run([
      looking('1'),
      step('files', '/a'),
      settled('files', '/b', { state: 'unchanged' }),
      settled('sources', '/c', { state: 'skipped', reason: 'x' }),
      step('packages', 'yum', {
        apply: () => ({ state: 'changed', what: 'installed', changes: ['yum:httpd', 'yum:php'] }),
      }),
      looking('2'),
    ]);
    expect(seen).toEqual({ 1: [], 2: ['files /a', 'packages yum:httpd', 'packages yum:php', 'commands 1'] });
  });

  it('cost no more the more there are', async () => {
    const cpuOf = async (count: number): Promise<number> => {
      const before = process.threadCpuUsage();
      await run(Array.from({ length: count }, (_, at) => step('files', `/f${at}`)));
      const { user, system } = process.threadCpuUsage(before);
      return (user + system) / 1000;
    };
    await cpuOf(4000); // compiles it
    expect(await cpuOf(32_000)).toBeLessThan(4 * 8 * Math.max(await cpuOf(4000), 50));
  });

  it('are asked for by name', async () => {
    const answers: boolean[] = [];
    const look = step('services', 's', {
      apply: (changes) => {
        answers.push(changes.has('files', '/a'), changes.has('files', '/b'), changes.has('sources', '/a'));
        return { state: 'unchanged' };
      },
    });
    await run([step('files', '/a'), look]);
    expect(answers).toEqual([true, false, false]);
  });
});

describe('under another root', () => {
  it('what cannot work there is skipped without a look, and says so', async () => {
    const untouched: BoundStep = {
      ...step('commands', 'c', { worksOnRoot: false }),
      inspect: () => Promise.reject(new Error('looked at the machine')),
    };
    const { heard, report } = await run([step('files', '/a'), untouched], { isOtherRoot: true });
    expect(heard[0]).toBe('/a changed done');
    expect(heard[1]).toMatch(/^c skipped .*--root/);
    expect(report.stoppedBy).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { type Report, type StepResult, summaryLine } from '../../../src/apply/report.ts';
import { type RunOptions, runSteps, TOLERATED_BY_HEAT } from '../../../src/apply/run-steps.ts';
import type { SectionName } from '../../../src/config/config.ts';
import { ExitCode, Problem } from '../../../src/errors.ts';
import { createLog, type Level } from '../../../src/logging/log.ts';
import { Redactor } from '../../../src/redact.ts';
import type { BoundStep, StepInspection } from '../../../src/sections/index.ts';
import type { Changes, Outcome, Watch } from '../../../src/sections/step.ts';
import { MissingAccount } from '../../../src/system/accounts/accounts.ts';
import type { Clock } from '../../../src/system/clock.ts';
import { Interrupted } from '../../../src/system/signals.ts';
import type { System } from '../../../src/system/system.ts';

/** A clock on which every look takes one millisecond. */
function fakeClock(): Clock {
  let time = 0;
  return { now: () => new Date(0), elapsed: () => time++, sleep: async () => {}, random: () => 0 };
}

interface Wanted {
  readonly worksOnRoot?: boolean;
  readonly apply?: (changes: Changes) => Outcome;
}

/** A step that is changed, or does what `apply` says. */
function step(section: SectionName, name: string, { worksOnRoot = true, apply }: Wanted = {}): BoundStep {
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

const NOTHING_WATCHED: Watch = { entries: () => [], look: async () => new Map() };

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
    watch = NOTHING_WATCHED,
    onStep = () => {},
  }: {
    tolerated?: ReadonlySet<SectionName>;
    isOtherRoot?: boolean;
    abort?: AbortSignal;
    watch?: Watch;
    onStep?: NonNullable<RunOptions['onStep']>;
  } = {},
): Promise<Run> {
  const heard: string[] = [];
  const logged: [Level, string][] = [];
  const report = await runSteps(
    { steps, watch, finish: async () => {}, findWait: () => undefined },
    {
      system: { clock: fakeClock(), ...(abort === undefined ? {} : { abort }) } as System,
      log: createLog(new Redactor(), [{ write: (level, text) => logged.push([level, text]) }]),
      tolerated,
      isOtherRoot,
      onStep,
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

describe('a second look at what was started', () => {
  const service = (name: string): BoundStep => step('services', name);
  const problem = new Problem('service "a" did not stay up', { where: 'services systemd "a"', output: 'no license\n' });

  /** A watch of services that is over at once for those in `due`; `wrong` is what is found, by name. */
  function watchOf(
    steps: readonly BoundStep[],
    {
      due = [],
      wrong = {},
      look,
    }: { due?: readonly string[]; wrong?: Record<string, Problem>; look?: () => void } = {},
  ): Watch {
    const pending = new Set(steps.map(({ entry }) => entry));
    return {
      entries: (which) => [...pending].filter(({ name }) => which === 'all' || due.includes(name)),
      look: async (entries) => {
        look?.();
        for (const entry of entries) pending.delete(entry);
        return new Map(entries.flatMap((entry) => (wrong[entry.name] ? [[entry, wrong[entry.name] as Problem]] : [])));
      },
    };
  }

  it('is told as a line of its own, which counts as no step', async () => {
    const steps = [service('a'), service('b')];
    const { report, heard } = await run(steps, { watch: watchOf(steps) });
    expect(heard).toEqual(['a changed done', 'b changed done', 'watch of a, b unchanged']);
    expect(summaryLine(report)).toMatch(/^2 changed in /);
  });

  it('fails the step that has started what is down: it counts once, as failed, and is told with what it printed', async () => {
    const steps = [service('a'), service('b')];
    const { report, heard, logged } = await run(steps, { watch: watchOf(steps, { wrong: { a: problem } }) });
    expect(heard.slice(2)).toEqual(['watch of b unchanged', `a failed ${problem.line}`]);
    expect(report).toMatchObject({ stoppedBy: problem, notRun: 0 });
    expect(summaryLine(report)).toMatch(/^1 changed, 1 failed in /);
    expect(logged).toContainEqual(['INFO', 'it printed\nno license']);
  });

  it('comes before the commands of a later config, for what is due, and its failure ends the run there', async () => {
    const a = service('a');
    const steps = [a, service('b'), step('files', 'f'), step('commands', '1'), step('commands', '2')];
    const watch = watchOf([a], { due: ['a'], wrong: { a: problem } });
    const { report, heard } = await run(steps, { watch });
    expect(heard.slice(3)).toEqual([`a failed ${problem.line}`]);
    expect(report).toMatchObject({ stoppedBy: problem, notRun: 2 });
  });

  it('is taken once before the commands of a config, not before each', async () => {
    let looks = 0;
    const a = service('a');
    const pending = watchOf([a], { due: ['a'] });
    const watch: Watch = {
      ...pending,
      entries: (which, world) => {
        looks += which === 'due' ? 1 : 0;
        return pending.entries(which, world);
      },
    };
    await run([a, step('commands', '1'), step('commands', '2'), { ...step('commands', '1'), config: 'two' }], {
      watch,
    });
    expect(looks).toBe(2);
  });

  it('does not hide the failure that has ended the run', async () => {
    const a = service('a');
    const other = new Problem('exit code 1');
    const steps = [a, failing('commands', 'c', other), step('files', 'f')];
    const { report, heard, logged } = await run(steps, { watch: watchOf([a], { wrong: { a: problem } }) });
    expect(heard.slice(1)).toEqual(['c failed exit code 1', `a failed ${problem.line}`]);
    expect(report).toMatchObject({ stoppedBy: other, notRun: 1 });
    expect(summaryLine(report)).toMatch(/^2 failed, 1 not run in /);
    expect(logged).toContainEqual(['ERROR', problem.line]);
  });

  it('is tolerated where failures of services are', async () => {
    const a = service('a');
    const steps = [a, step('commands', 'c')];
    const watch = watchOf([a], { due: ['a'], wrong: { a: problem } });
    const { report, heard, logged } = await run(steps, { tolerated: TOLERATED_BY_HEAT, watch });
    expect(heard.slice(1)).toEqual([`a failed ${problem.line}`, 'c changed done']);
    expect(report.stoppedBy).toBeUndefined();
    expect(logged).toContainEqual(['WARNING', `${problem.line}: continuing, as heat-cfntools did`]);
  });

  it('is not taken after a signal', async () => {
    const a = service('a');
    let looks = 0;
    const steps = [a, failing('commands', 'c', new Interrupted('SIGTERM'))];
    const { report } = await run(steps, { watch: watchOf([a], { look: () => (looks += 1) }) });
    expect({ looks, exitCode: report.stoppedBy?.exitCode }).toEqual({ looks: 0, exitCode: ExitCode.terminated });
  });

  it('that a signal ends is what the run was ended in; no step has failed', async () => {
    const a = service('a');
    const look = (): never => {
      throw new Interrupted('SIGTERM');
    };
    const { report, heard } = await run([a], { watch: watchOf([a], { look }) });
    const line = 'ended by SIGTERM: watch of a: run cfn-init again';
    expect(heard.slice(1)).toEqual([`watch of a failed ${line}`]);
    expect(report.stoppedBy).toMatchObject({ line, exitCode: ExitCode.terminated });
    expect(summaryLine(report)).toMatch(/^1 changed in /);
  });

  it('is told to whom shows what is under way', async () => {
    const a = service('a');
    const shown: string[] = [];
    await run([a], { watch: watchOf([a]), onStep: ({ section, entry }) => shown.push(`${section} ${entry.name}`) });
    expect(shown).toEqual(['services a', 'services watch of a']);
  });
});

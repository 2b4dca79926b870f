import { describe, expect, it } from 'vitest';
import { runSteps, TOLERATED_BY_HEAT } from '../../../../src/apply/run-steps.ts';
import type { Config, ServiceEntry } from '../../../../src/config/config.ts';
import { createLog } from '../../../../src/logging/log.ts';
import { Redactor } from '../../../../src/redact.ts';
import { planRun, type RunPlan } from '../../../../src/sections/index.ts';
import type { Exec } from '../../../../src/system/programs/exec.ts';
import { fakeGuest } from '../../metadata/fake-system.ts';

const FILE = '/etc/app.conf';

interface Script {
  /** It runs before the test. */
  readonly isRunning?: boolean;
  /** Its start ends with an error. */
  readonly isBroken?: boolean;
  /** It ends a second after its start. */
  readonly isFrail?: boolean;
  /** Its `status` does not come back within its bound once it was started. */
  readonly isStuck?: boolean;
}

/**
 * A guest with init scripts, as what they do.
 * @returns what they were told besides `status`, the result of each step, and warnings and errors
 */
async function apply(
  scripts: Readonly<Record<string, Script>>,
  wishes: Readonly<Record<string, Partial<ServiceEntry>>>,
  {
    files = {},
    compat = false,
    stops = [],
  }: { files?: Readonly<Record<string, string>>; compat?: boolean; stops?: readonly string[] } = {},
) {
  const guest = fakeGuest({});
  for (const name of Object.keys(scripts)) guest.write(`/etc/init.d/${name}`, '#!/bin/sh\n');
  const running = new Set(Object.keys(scripts).filter((name) => scripts[name]?.isRunning));
  const told: string[] = [];
  const started = new Map<string, number>();
  const tool: Exec['tool'] = async ([program, verb = '']) => {
    const name = program.replace('/etc/init.d/', '');
    const script = scripts[name] ?? {};
    const end = (exitCode: number) => ({ exitCode, stdout: '', output: exitCode === 0 ? '' : `${name} is down` });
    const since = started.get(name);
    if (verb === 'status') {
      if (script.isStuck && since !== undefined) return { ...end(143), cut: 'timeout' };
      const isGone = script.isFrail && since !== undefined && guest.system.clock.elapsed() - since >= 1000;
      return end(running.has(name) && !isGone ? 0 : 3);
    }
    told.push(`${verb} ${name}`);
    if (script.isBroken) return end(1);
    if (verb === 'stop') running.delete(name);
    else running.add(name);
    started.set(name, guest.system.clock.elapsed());
    return end(0);
  };
  const entries = Object.entries(wishes).map(
    ([name, wanted]): ServiceEntry => ({
      ...{ name, place: `/services/${name}`, manager: 'sysvinit', enabled: undefined, ensureRunning: undefined },
      restartOn: { files: [FILE], sources: [], commands: [], packages: [] },
      ...wanted,
    }),
  );
  const none = { packages: [], groups: [], users: [], sources: [], commands: [] };
  const config = { name: 'config', ...none, files: [], services: entries } as unknown as Config;
  const changed = Object.keys(files).map((name) => ({
    ...{ section: 'files', config: 'config', entry: { name, place: name }, worksOnRoot: true },
    inspect: async () => ({ state: 'differs', what: '', apply: async () => ({ state: 'changed', what: '' }) }),
  })) as unknown as RunPlan['steps'];
  const commands = stops.map((text) => ({
    ...{ name: text, place: text, command: text, env: {}, ignoreErrors: false, waitAfterCompletion: 0 },
  }));
  const later = { name: 'later', ...none, files: [], services: [], commands } as unknown as Config;
  const plan = planRun([config, later]);
  /** `stop app`, and what it ends with: `stop app; exit 1`. */
  const command: Exec['command'] = async (text) => {
    const [, name = '', exitCode = '0'] = /^stop (\w+)(?:; exit (\d+))?$/.exec(String(text)) ?? [];
    running.delete(name);
    return { exitCode: Number(exitCode), output: '' };
  };
  const said: string[] = [];
  const report = await runSteps(
    { ...plan, steps: [...changed, ...plan.steps] },
    {
      system: { ...guest.system, exec: { ...guest.system.exec, tool, command } },
      log: createLog(new Redactor(), [
        { write: (level, text) => void (/WARNING|ERROR/.test(level) && said.push(`${level} ${text}`)) },
      ]),
      tolerated: compat ? TOLERATED_BY_HEAT : new Set(),
      isOtherRoot: false,
      onResult: () => {},
    },
  );
  const states = report.results.slice(changed.length).map(({ step, state }) => `${step.entry.name} ${state}`);
  return { told, said, states, stoppedBy: report.stoppedBy?.line };
}

describe('a service whose watched file has changed', () => {
  it.each<[isRunning: boolean, ensureRunning: boolean | undefined, told: readonly string[]]>([
    [true, undefined, ['restart app']],
    [true, true, ['restart app']],
    [true, false, ['stop app']],
    // As aws-cfn-bootstrap, whose `service app restart` starts it.
    [false, undefined, ['start app']],
    [false, true, ['start app']],
    // Who says that it shall not run means that.
    [false, false, []],
  ])('running: %s, ensureRunning: %s: %j', async (isRunning, ensureRunning, told) => {
    const result = await apply({ app: { isRunning } }, { app: { ensureRunning } }, { files: { [FILE]: '' } });
    expect({ told: result.told, stoppedBy: result.stoppedBy }).toEqual({ told, stoppedBy: undefined });
  });

  it('is not touched when it is down and nothing has changed', async () => {
    expect((await apply({ app: {} }, { app: {} })).told).toEqual([]);
  });

  it('that is started, and does not stay up, is a failure', async () => {
    const { stoppedBy } = await apply({ app: { isFrail: true } }, { app: {} }, { files: { [FILE]: '' } });
    expect(stoppedBy).toMatch(/^service "app" did not stay up: \/services\/app: /);
  });
});

describe('a service that is down after its start', () => {
  const UP = { app: { ensureRunning: true } };

  it.each([
    ['a command', 'stop app', undefined],
    ['a command that fails', 'stop app; exit 1', /^the command ended with exit code 1: /],
  ])('may have been stopped by %s of this run: a warning', async (_, stop, failure) => {
    const { said, stoppedBy } = await apply({ app: {} }, UP, { stops: [stop] });
    expect({ said, stoppedBy }).toEqual({
      said: ['WARNING service "app" no longer runs: /services/app: a later step may have stopped it'],
      stoppedBy: failure === undefined ? undefined : expect.stringMatching(failure),
    });
  });
});

describe('the last service fails:', () => {
  const UP = { ensureRunning: true };
  const frail = { frail: { isFrail: true }, fine: {} };
  const wishes = { frail: UP, fine: UP, last: UP };
  const dead = 'service "frail" did not stay up: /services/frail: ';

  it.each<[what: string, last: Readonly<Record<string, Script>>, says: RegExp]>([
    ['its start', { last: { isBroken: true } }, /^WARNING \/etc\/init\.d\/last start ended with exit code 1: /],
    ['it is not there', {}, /^WARNING no service "last": /],
  ])('%s: the others are watched all the same, under --compat heat', async (_, last, says) => {
    const { said, states, stoppedBy } = await apply({ ...frail, ...last }, wishes, { compat: true });
    expect({ states, stoppedBy }).toEqual({
      states: ['frail changed', 'fine changed', 'last failed', 'watch of fine unchanged', 'frail failed'],
      stoppedBy: undefined,
    });
    expect(said).toEqual([expect.stringMatching(says), expect.stringContaining(dead)]);
  });

  it('without --compat heat both are told, too, and the run ends by the failure of the last', async () => {
    const { said, stoppedBy } = await apply({ ...frail, last: { isBroken: true } }, wishes);
    expect(said).toEqual([expect.stringContaining(dead)]);
    expect(stoppedBy).toMatch(/^\/etc\/init\.d\/last start ended/);
  });

  it('one that cannot be looked at does not hide the others', async () => {
    const scripts = { stuck: { isStuck: true }, frail: { isFrail: true } };
    const { said, stoppedBy } = await apply(scripts, { stuck: UP, frail: UP });
    expect(said).toEqual([expect.stringMatching(/^ERROR \/etc\/init\.d\/stuck status did not end within/)]);
    expect(stoppedBy).toMatch(/^service "frail" did not stay up/);
  });
});

import { Problem } from '../../../src/errors.ts';
import { type DaemonParts, runDaemon } from '../../../src/hup/daemon.ts';
import type { Hook } from '../../../src/hup/hooks.ts';
import { createPassMemory, runPass } from '../../../src/hup/pass.ts';
import type { HupConfig, HupSettings } from '../../../src/hup/settings.ts';
import { createLog } from '../../../src/logging/log.ts';
import { Redactor } from '../../../src/redact.ts';
import { createPause } from '../../../src/system/clock.ts';
import { MAIN, SETTINGS, type World } from './world.ts';

/** What the configuration is at a look: settings that differ from the usual, or a problem. */
export type Look = Partial<HupSettings> | 'broken';

export interface DaemonRig {
  /** The stacks of the passes that were begun, in order. */
  readonly passes: string[];
  /** What systemd was told, one line for each time. */
  readonly told: string[];
  /** Milliseconds of the pauses, in order. */
  readonly pauses: number[];
  /** Locks that are held. */
  readonly held: Set<string>;
  /** Locks that were disclaimed. */
  readonly disclaimed: Set<string>;
  /** Locks whose files were removed. */
  readonly lost: Set<string>;
  /** Daemons that were asked to end. */
  readonly asked: readonly number[];
  /** How often memory was given back. */
  trims(): number;
  readonly isListening: () => boolean;
  readonly hasLeft: () => boolean;
  readonly isAlive: () => boolean;
  signal(name: NodeJS.Signals): void;
  /** Has somebody else hold a lock the next times. */
  refuse(name: string, times: number): void;
  /** Runs it to its end. */
  run(): Promise<number>;
}

export interface DaemonOptions {
  readonly hooks?: readonly Hook[];
  /** One for each look, the last for all that follow. */
  readonly looks?: readonly Look[];
  /** In place of a real pass. */
  readonly pass?: DaemonParts['pass'];
  /** How often a lock is held by somebody else, by the end of its name. */
  readonly taken?: Readonly<Record<string, number>>;
  /** Somebody starts it again when it ends. */
  readonly isSupervised?: boolean;
  /** The daemon that is at work follows another configuration. */
  readonly isRivalOfOther?: boolean;
  /** The one that holds the lock was left in the background, and ends when it is asked to. */
  readonly isRivalInBackground?: boolean;
  /** Called in each pause, which is over at once; without it, pauses take the time they are. */
  readonly inPause?: (count: number, rig: DaemonRig) => void;
}

/** The process that holds a lock which is taken. */
export const RIVAL = 4321;

/** A daemon in a world, with real passes, and with signals, locks and systemd that are the test's. */
export function createDaemon(world: World, wanted: DaemonOptions = {}): DaemonRig {
  const { hooks = [], looks = [{}], taken = {}, inPause } = wanted;
  const refusals: Record<string, number> = { ...taken };
  let look = 0;
  const loadConfig = (): HupConfig => {
    const now = looks[Math.min(look++, looks.length - 1)] ?? {};
    if (now === 'broken') throw new Problem('no stack', { where: '/etc/cfn/cfn-hup.conf' });
    return { settings: { ...SETTINGS, ...now }, hooks, main: MAIN, files: [], problems: [], warnings: [] };
  };
  const memory = createPassMemory();
  const pass: DaemonParts['pass'] =
    wanted.pass ?? ((config, tools, options) => runPass(config, tools, memory, options));
  const real = createPause();
  let handle: ((name: NodeJS.Signals) => void) | undefined;
  let alive = (): boolean => true;
  let hasLeft = false;
  const [passes, told, pauses]: [string[], string[], number[]] = [[], [], []];
  const asked: number[] = [];
  let trims = 0;
  const held = new Set<string>();
  const disclaimed = new Set<string>();
  const lost = new Set<string>();
  const parts: DaemonParts = {
    pass: (config, tools, options) => {
      passes.push(config.settings.stack);
      return pass(config, tools, options);
    },
    tryLock: async (path) => {
      const name = path.replace(/.*\//, '');
      const left = refusals[name] ?? 0;
      refusals[name] = left - 1;
      if (left > 0) return undefined;
      held.add(name);
      return {
        release: () => held.delete(name),
        disclaim: () => disclaimed.add(name),
        isInPlace: () => !lost.delete(name),
      };
    },
    holderOf: (path) => {
      const name = path.replace(/.*\//, '');
      const left = refusals[name] ?? 0;
      refusals[name] = left - 1;
      return left > 0 ? RIVAL : undefined;
    },
    otherDaemon: {
      isSupervised: async () => wanted.isSupervised === true,
      followsOther: () => wanted.isRivalOfOther === true,
      askToEnd: async (pid) => {
        asked.push(pid);
        return wanted.isRivalInBackground === true;
      },
    },
    notifier: {
      send: (...assignments) => told.push(assignments.join(' ')),
      watch: (isAlive) => {
        alive = isAlive;
        return () => undefined;
      },
      drain: async () => undefined,
    },
    pause: {
      async wait(milliseconds) {
        pauses.push(milliseconds);
        if (inPause === undefined) return real.wait(milliseconds);
        inPause(pauses.length, rig);
        return false;
      },
      wake: () => real.wake(),
    },
    onSignals: (_, listener) => {
      handle = listener;
      return () => {
        handle = undefined;
      };
    },
    memory: { trim: () => trims++ },
    phase: 0,
    abortRun: () => undefined,
    leave: async () => {
      hasLeft = true;
    },
  };
  const redactor = new Redactor();
  const log = createLog(redactor, [{ write: (level, text) => world.said.push(`${level} ${text}`) }]);
  const readSecretFile = (): never => {
    throw new Error('not expected');
  };
  const rig: DaemonRig = {
    passes,
    told,
    pauses,
    held,
    disclaimed,
    lost,
    asked,
    trims: () => trims,
    isListening: () => handle !== undefined,
    hasLeft: () => hasLeft,
    isAlive: () => alive(),
    refuse: (name, times) => {
      refusals[name] = times;
    },
    signal: (name) => {
      if (handle === undefined) throw new Error(`${name}: nobody listens`);
      handle(name);
    },
    run: () => runDaemon(loadConfig, { system: world.system, log, redactor, readSecretFile }, parts),
  };
  return rig;
}

/** What a pass says that found nothing new. */
export const NOTHING_NEW = {
  changed: false,
  fetched: 1,
  unfetched: 0,
  failedActions: 0,
  parkedHooks: 0,
  unkept: undefined,
  failure: undefined,
  nextAttempt: undefined,
} as const;

import { basename } from 'node:path';
import { HUP_UNIT } from '../sections/services/managers/systemd-jobs.ts';
import { argumentsOf, type Proc, processStat, procIn, serviceOf } from '../system/programs/processes.ts';
import { hasSystemd, type Properties, showUnits } from '../system/programs/systemctl.ts';
import type { System } from '../system/system.ts';

/** What the command line of cfn-hup asks for: -f, --no-daemon, --daemon, or nothing. */
export type Request = 'pass' | 'foreground' | 'loop' | 'bare';

/** A service of systemd that a process belongs to. */
export interface ServiceUnit {
  readonly id: string;
  readonly type: string;
  readonly subState: string;
  /** 0 for none. */
  readonly mainPid: number;
  /** The process of ExecStartPre=, ExecReload= and the like, and of ExecStart= where the type is forking; 0 for none. */
  readonly controlPid: number;
  /** Stays active, with all its processes, after its program has ended. */
  readonly remains: boolean;
  /** A timer or the like starts it again and again. */
  readonly isTriggered: boolean;
  /** Where systemd reads the main process of a forking service; empty for none. */
  readonly pidFile: string;
}

/** Who has started a process. */
export interface Surroundings {
  /** Its own number, or that of a shell that ends with it, as of `sh -c cfn-hup`. */
  readonly pid: number;
  readonly parentPid: number;
  /** What the parent's program is called, also by the script that Python runs; none for a shell, which waits for us. */
  readonly parentNames: readonly string[];
  /** systemd (248 and later) has said that it is the process that a unit begins with. */
  readonly isToldMain: boolean;
  readonly unit: ServiceUnit | undefined;
  /** The unit is the one that a bare call starts. */
  readonly isOwnUnit: boolean;
}

/**
 * What a start of cfn-hup comes to. 'loop': in the foreground. 'detach': the loop in the background, with the PID file that
 * systemd looks for. 'pass-then-follow': by cfn-hup.service, or by a loop in the background where it is not known.
 */
export type Start = 'pass' | 'loop' | 'detach' | 'pass-then-follow' | 'pass-then-loop' | 'pass-then-transient-unit';

/** Programs that start others, wait for their end, and start them again. */
const SUPERVISORS: readonly string[] = [
  'circusd',
  'dinit',
  'runsv',
  's6-supervise',
  'supervise',
  'supervise-daemon',
  'supervisord',
];
/** First processes of a machine or of a container that run one program as theirs. A script there would wait for us instead. */
const FIRST_PROCESSES: readonly string[] = [
  'catatonit',
  'docker-init',
  'dumb-init',
  'init',
  'openrc-init',
  'podman-init',
  'procd',
  'tini',
];
/** What the kernel keeps of the name of a process. */
const NAME_LENGTH = 15;

/**
 * Decides what a start is. Templates written for AWS start a bare `cfn-hup` as a daemon, those for heat-cfntools as one pass;
 * so what a supervisor waits for is the loop, whatever its unit is called, and what a script waits for ends.
 * @param isFollowed a daemon is at work already
 */
export function planStart(request: Request, surroundings: Surroundings, isFollowed: boolean): Start {
  if (request === 'pass') return 'pass';
  if (request === 'loop') return 'loop';
  if (isBelowSupervisor(surroundings)) return 'loop';
  const { pid, unit, isOwnUnit, isToldMain } = surroundings;
  const other = request === 'foreground' || isOwnUnit ? 'pass' : 'pass-then-follow';
  // The manager of a user, or one that does not answer.
  if (unit === undefined) return isToldMain ? 'loop' : other;
  const isMain = unit.mainPid === pid;
  if (unit.type === 'oneshot') {
    if (!isMain && !isOwnUnit) return other;
    // The timer is what follows.
    if (request === 'foreground' || unit.isTriggered) return 'pass';
    if (!isOwnUnit) return other;
    // Otherwise systemd ends all processes of the unit with the call.
    return unit.remains ? 'pass-then-loop' : 'pass-then-transient-unit';
  }
  // A script that systemd runs as cfn-hup.service, and that waits for us.
  const isWaitedForByScript = isOwnUnit && !isFollowed && ['start', 'running'].includes(unit.subState);
  if (unit.type === 'forking' && !isMain)
    return (unit.controlPid === pid && unit.subState === 'start') || isWaitedForByScript ? 'detach' : other;
  return isMain || isWaitedForByScript ? 'loop' : other;
}

/** Whether somebody starts the process again when it ends, so that it must not leave although another one is at work. */
export function isSupervised(surroundings: Surroundings): boolean {
  const { pid, unit, isToldMain } = surroundings;
  if (unit === undefined) return isToldMain || isBelowSupervisor(surroundings);
  return unit.mainPid === pid || unit.type === 'forking' || isBelowSupervisor(surroundings);
}

function isBelowSupervisor({ pid, parentPid, parentNames }: Surroundings): boolean {
  const isAmong = (names: readonly string[]): boolean =>
    names.some((name) => parentNames.some((parent) => parent === name || parent === name.slice(0, NAME_LENGTH)));
  return pid === 1 || isAmong(SUPERVISORS) || (parentPid === 1 && isAmong(FIRST_PROCESSES));
}

const PROPERTIES = [
  'Id',
  'LoadState',
  'Type',
  'SubState',
  'MainPID',
  'ControlPID',
  'RemainAfterExit',
  'TriggeredBy',
  'PIDFile',
];
/** Milliseconds that systemctl has for an answer. */
const PATIENCE = 30_000;
const SHELL = /^-?(?:ba|da|a|k|mk|z)?sh$/;
const REDIRECTION = /\d*[<>]{1,2}&?\s*[^\s;&|<>]+|&>{1,2}\s*[^\s;&|<>]+/g;
/** Commands for a shell whose last one is cfn-hup, in the foreground. */
const ENDS_WITH_US =
  /(?:^|[;&|\n])\s*(?:exec\s+)?(?:\w+=\S*\s+)*(?:\S*\/)?cfn-hup(?:\s[^;&|\n]*)?(?:(?:;|\|\|)\s*exit\b[^;&|\n]*)?;?\s*$/;

/**
 * Looks who has started a process. A shell that has nothing else to do stands for it: some shells replace themselves by
 * their last command, and others wait for it.
 * @param toldMain what SYSTEMD_EXEC_PID says in its environment
 */
export async function probeSurroundings(
  system: Pick<System, 'exec' | 'files'>,
  self: number,
  toldMain: string | undefined,
): Promise<Surroundings> {
  const proc = procIn(system.files);
  const shell = processStat(self, proc)?.parent ?? 0;
  const pid = endsWithUs(argumentsOf(shell, proc)) ? shell : self;
  const parentPid = processStat(pid, proc)?.parent ?? 0;
  const service = hasSystemd(system) ? serviceOf(pid, proc) : undefined;
  const shown = service === undefined ? [] : await showUnits(system.exec, PROPERTIES, [HUP_UNIT, service], PATIENCE);
  const [own, unit] = (shown ?? []).map(unitFrom);
  return {
    pid,
    parentPid,
    parentNames: namesOf(parentPid, proc),
    // A process that we start inherits it.
    isToldMain: toldMain === String(pid),
    unit,
    isOwnUnit: service === HUP_UNIT || (unit !== undefined && unit.id === own?.id),
  };
}

/** Whether a process is a shell with commands of which the last one is cfn-hup. */
function endsWithUs([program = '', ...rest]: readonly string[]): boolean {
  const commands = rest[rest.findIndex((word) => /^-[a-z]*c[a-z]*$/.test(word)) + 1];
  if (!SHELL.test(basename(program)) || commands === rest[0] || commands === undefined) return false;
  return ENDS_WITH_US.test(commands.replace(REDIRECTION, ' '));
}

function namesOf(pid: number, proc: Proc): readonly string[] {
  const [program = '', ...rest] = argumentsOf(pid, proc);
  if (SHELL.test(basename(program))) return [];
  const name = proc(`${pid}/comm`).trimEnd();
  const scripts = name.startsWith('python') ? rest.map((word) => word.replace(/^.*[/.]/, '')) : [];
  return [name, ...scripts.slice(0, 2)].filter((text) => text !== '');
}

/** @param properties of a unit; undefined for one that systemd does not know */
function unitFrom(properties: Properties | undefined): ServiceUnit | undefined {
  const { Id, LoadState, Type, SubState, MainPID, ControlPID, RemainAfterExit, TriggeredBy, PIDFile } =
    properties ?? {};
  if (Id === undefined || LoadState === 'not-found') return undefined;
  return {
    id: Id,
    type: Type ?? '',
    subState: SubState ?? '',
    mainPid: Number(MainPID ?? 0),
    controlPid: Number(ControlPID ?? 0),
    remains: RemainAfterExit === 'yes',
    isTriggered: (TriggeredBy ?? '') !== '',
    pidFile: PIDFile ?? '',
  };
}

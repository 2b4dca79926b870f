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
  /** RemainAfterExit=: it stays active, with all its processes, after its program has ended. */
  readonly remains: boolean;
  /** A timer or another unit starts it again and again. */
  readonly isTriggered: boolean;
  /** The file from which systemd reads the main process of a forking service; empty for none. */
  readonly pidFile: string;
}

/** How a process was started, and by whom. */
export interface StartContext {
  /** Its process id, or that of a shell that ends with it, as in `sh -c cfn-hup`. */
  readonly pid: number;
  readonly parentPid: number;
  /** The names of the parent's program, and of the script that Python runs; none for a shell, which waits for us. */
  readonly parentNames: readonly string[];
  /** systemd (248 and later) has marked it, in SYSTEMD_EXEC_PID, as the first process of a unit. */
  readonly isExecPid: boolean;
  readonly unit: ServiceUnit | undefined;
  /** The unit is cfn-hup.service, which a plain `cfn-hup` starts. */
  readonly isOwnUnit: boolean;
}

/**
 * What cfn-hup does after its start. 'loop': the loop in the foreground. 'detach': the loop in the background, with the PID
 * file that systemd reads. 'pass-then-follow': one pass, then cfn-hup.service, or a loop in the background without that unit.
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
/** First processes of a machine or of a container. If one of them is our parent, it runs us as a service, not a script. */
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
/** The kernel keeps this many characters of the name of a process. */
const NAME_LENGTH = 15;

/**
 * Decides what to do after a start. Templates for AWS start a plain `cfn-hup` as a daemon, templates for heat-cfntools as one
 * pass. So under a supervisor we run the loop, whatever the name of the unit, and for a script we end.
 * @param isFollowed true when a daemon is running already
 */
export function planStart(request: Request, context: StartContext, isFollowed: boolean): Start {
  if (request === 'pass') return 'pass';
  if (request === 'loop') return 'loop';
  if (isBelowSupervisor(context)) return 'loop';
  const { pid, unit, isOwnUnit, isExecPid } = context;
  const other = request === 'foreground' || isOwnUnit ? 'pass' : 'pass-then-follow';
  // There is no service of the system, or systemd does not answer.
  if (unit === undefined) return isExecPid ? 'loop' : other;
  const isMain = unit.mainPid === pid;
  if (unit.type === 'oneshot') {
    if (!isMain && !isOwnUnit) return other;
    // The timer follows changes.
    if (request === 'foreground' || unit.isTriggered) return 'pass';
    if (!isOwnUnit) return other;
    // Otherwise systemd ends all processes of the unit with the call.
    return unit.remains ? 'pass-then-loop' : 'pass-then-transient-unit';
  }
  // systemd runs a script as cfn-hup.service, and the script waits for us.
  const isWaitedForByScript = isOwnUnit && !isFollowed && ['start', 'running'].includes(unit.subState);
  if (unit.type === 'forking' && !isMain)
    return (unit.controlPid === pid && unit.subState === 'start') || isWaitedForByScript ? 'detach' : other;
  return isMain || isWaitedForByScript ? 'loop' : other;
}

/** Whether a supervisor restarts the process when it ends. Then it must not exit, even if another daemon is running. */
export function isSupervised(context: StartContext): boolean {
  const { pid, unit, isExecPid } = context;
  if (unit === undefined) return isExecPid || isBelowSupervisor(context);
  return unit.mainPid === pid || unit.type === 'forking' || isBelowSupervisor(context);
}

function isBelowSupervisor({ pid, parentPid, parentNames }: StartContext): boolean {
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
/** Milliseconds that systemctl may take. */
const SYSTEMCTL_TIMEOUT = 30_000;
const SHELL = /^-?(?:ba|da|a|k|mk|z)?sh$/;
const REDIRECTION = /\d*[<>]{1,2}&?\s*[^\s;&|<>]+|&>{1,2}\s*[^\s;&|<>]+/g;
/** Shell commands of which the last one is cfn-hup, in the foreground. */
const ENDS_WITH_US =
  /(?:^|[;&|\n])\s*(?:exec\s+)?(?:\w+=\S*\s+)*(?:\S*\/)?cfn-hup(?:\s[^;&|\n]*)?(?:(?:;|\|\|)\s*exit\b[^;&|\n]*)?;?\s*$/;

/**
 * Finds out how a process was started. If its parent is a shell with nothing else to do, the shell is used in its place: some
 * shells replace themselves by their last command, and others wait for it.
 * @param execPid the value of SYSTEMD_EXEC_PID in its environment
 */
export async function inspectStart(
  system: Pick<System, 'exec' | 'files'>,
  self: number,
  execPid: string | undefined,
): Promise<StartContext> {
  const proc = procIn(system.files);
  const shell = processStat(self, proc)?.parent ?? 0;
  const pid = endsWithUs(argumentsOf(shell, proc)) ? shell : self;
  const parentPid = processStat(pid, proc)?.parent ?? 0;
  const service = hasSystemd(system) ? serviceOf(pid, proc) : undefined;
  const shown =
    service === undefined ? [] : await showUnits(system.exec, PROPERTIES, [HUP_UNIT, service], SYSTEMCTL_TIMEOUT);
  const [own, unit] = (shown ?? []).map(unitFrom);
  return {
    pid,
    parentPid,
    parentNames: namesOf(parentPid, proc),
    // Child processes inherit the variable, so compare the process id.
    isExecPid: execPid === String(pid),
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

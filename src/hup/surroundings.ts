import { basename } from 'node:path';
import { HUP_UNIT } from '../sections/services/managers/systemd-jobs.ts';
import { argumentsOf, type Proc, processStat, procIn, serviceOf } from '../system/processes.ts';
import type { System } from '../system/system.ts';
import { hasSystemd, type Properties, showUnits } from '../system/systemctl.ts';
import type { ServiceUnit, Surroundings } from './start.ts';

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

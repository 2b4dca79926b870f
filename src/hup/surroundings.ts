import { basename } from 'node:path';
import { Problem } from '../errors.ts';
import { procFile, serviceOf } from '../system/service-of.ts';
import type { System } from '../system/system.ts';
import type { ServiceUnit, Surroundings } from './start.ts';

/** What a bare call starts where systemd knows it. */
export const OWN_UNIT = 'cfn-hup.service';
const PROPERTIES = 'Id,Type,SubState,MainPID,ControlPID,RemainAfterExit,TriggeredBy,PIDFile';
/** Milliseconds that systemctl has for an answer. */
const PATIENCE = 30_000;
const SHELL = /^-?(?:ba|da|a|k|mk|z)?sh$/;

/** What /proc tells of a process. */
export interface ProcessFacts {
  readonly parentPid: number;
  readonly session: number;
  readonly arguments: readonly string[];
}

/** @returns undefined when it has ended */
export function readProcess({ files }: Pick<System, 'files'>, pid: number): ProcessFacts | undefined {
  // The name, in parentheses, may have spaces and parentheses in it.
  const [, parentPid, , session] = procFile(files, pid, 'stat')
    .replace(/^.*\) /s, '')
    .split(' ');
  if (session === undefined) return undefined;
  return {
    parentPid: Number(parentPid),
    session: Number(session),
    arguments: procFile(files, pid, 'cmdline').split('\0').slice(0, -1),
  };
}

/** Whether systemd runs this machine, so that it can be asked. */
export function hasSystemd({ exec, files }: Pick<System, 'exec' | 'files'>): boolean {
  return exec.find('systemctl') !== undefined && files.entry('/run/systemd/system') !== undefined;
}

/** Looks who has started a process. @param toldMain what SYSTEMD_EXEC_PID says in its environment */
export async function probeSurroundings(
  system: Pick<System, 'exec' | 'files'>,
  pid: number,
  toldMain: string | undefined,
): Promise<Surroundings> {
  const parentPid = readProcess(system, pid)?.parentPid ?? 0;
  const service = hasSystemd(system) ? serviceOf(system.files, pid) : undefined;
  const [own, unit] = service === undefined ? [] : await showUnits(system, [OWN_UNIT, service]);
  return {
    pid,
    parentPid,
    parentNames: namesOf(system, parentPid),
    // A process that we start inherits it.
    isToldMain: toldMain === String(pid),
    unit,
    isOwnUnit: service === OWN_UNIT || (unit !== undefined && unit.id === own?.id),
  };
}

function namesOf(system: Pick<System, 'files'>, pid: number): readonly string[] {
  const [program = '', ...rest] = readProcess(system, pid)?.arguments ?? [];
  if (SHELL.test(basename(program))) return [];
  const name = procFile(system.files, pid, 'comm').trimEnd();
  const scripts = name.startsWith('python') ? rest.map((word) => word.replace(/^.*[/.]/, '')) : [];
  return [name, ...scripts.slice(0, 2)].filter((text) => text !== '');
}

/** In their order; none where systemd does not answer, undefined for a unit that it does not know. */
async function showUnits(
  { exec }: Pick<System, 'exec'>,
  units: readonly string[],
): Promise<readonly (ServiceUnit | undefined)[]> {
  const ran = await exec
    .query(['systemctl', 'show', `--property=LoadState,${PROPERTIES}`, '--', ...units], { timeout: PATIENCE })
    .catch((error: unknown) => {
      if (!(error instanceof Problem)) throw error;
      return { stdout: '' };
    });
  return ran.stdout.split('\n\n').map((block) => {
    const of = Object.fromEntries([...block.matchAll(/^(\w+)=(.*)$/gm)].map(([, key, text]) => [key, text]));
    if (of['Id'] === undefined || of['LoadState'] === 'not-found') return undefined;
    return {
      id: of['Id'],
      type: of['Type'] ?? '',
      subState: of['SubState'] ?? '',
      mainPid: Number(of['MainPID'] ?? 0),
      controlPid: Number(of['ControlPID'] ?? 0),
      remains: of['RemainAfterExit'] === 'yes',
      isTriggered: (of['TriggeredBy'] ?? '') !== '',
      pidFile: of['PIDFile'] ?? '',
    };
  });
}

import { codeOf, lastLine, Problem } from '../../../errors.ts';
import { paths } from '../../../paths.ts';
import type { ToolResult } from '../../../system/programs/exec.ts';
import { type Properties, parseProperties } from '../../../system/programs/systemctl.ts';
import type { System } from '../../../system/system.ts';
import { type Check, type Fault, type Ordered, type ServiceManager, type ServiceStatus, tooSlow } from '../manager.ts';
import { initScripts } from './init-scripts.ts';
import { journalLines, lastWords, wasStopped } from './journal.ts';
import { heldBy, isOwnDaemon, wouldBeHeldBy } from './systemd-jobs.ts';
import { systemdOffline } from './systemd-offline.ts';
import { alsoOf, hasInstall, isEnabledByItself, notEnabledBy, serviceNames, unitName } from './unit-name.ts';

const RUNNING = new Set(['active', 'reloading', 'activating', 'refreshing']);
/** Words for unit files that start at boot. `enabled-runtime` does not: it is gone by then. */
const ENABLED = new Set(['enabled', 'alias']);
const STATIC = new Set(['static', 'transient', 'generated']);
/** Milliseconds after which a start is looked into. */
const QUICK_START = 200;
const TOO_OFTEN = /attempted too often|reset-failed/;
const PROPERTIES = [
  'Id',
  'LoadState',
  'ActiveState',
  'SubState',
  'UnitFileState',
  'NeedDaemonReload',
  'Type',
  'Result',
  'NRestarts',
  'ExecMainCode',
  'ExecMainStatus',
  'TriggeredBy',
  'SourcePath',
  'Job',
  'WantedBy',
  'RequiredBy',
  'BindsTo',
];

/** The systemd that runs this machine. In a chroot, where systemctl refuses to ask it, units can only be enabled. */
export function systemd(system: System, timeout: number): ServiceManager {
  const { exec, files, clock } = system;
  /** The units that have failed, fail again and again, or are dead while systemd takes them for running. */
  const faulty = new Map<string, 'failed' | 'auto-restart' | 'dead'>();
  /** By unit: what systemd has said of it, as long as nothing has changed since. */
  const shown = new Map<string, Properties>();

  /** systemd takes a service with an init script for running even when it has ended: only the script can tell. */
  const scripts = initScripts(system, timeout, (script, verb) => [
    'env',
    'SYSTEMCTL_SKIP_REDIRECT=1', // the script must answer itself, and not call systemctl
    `/etc/init.d/${script}`,
    verb,
  ]);

  const failure = async (
    verb: string,
    unit: string,
    since: Date,
    { exitCode, output }: Ran,
    asksJournal: boolean,
  ): Promise<Problem> => {
    const words = asksJournal ? await journalLines(exec, unit, since) : [];
    // The last line only says where to look.
    const [said = ''] = output.trim().split('\n');
    const hint = asksJournal ? startHint(said, words, unit) : lastLine(output);
    // As of a reload of a unit without ExecReload=.
    const code = /not applicable/.test(output) ? 'CFN_UNIT_NOT_APPLICABLE' : undefined;
    return new Problem(`systemctl ${verb} ended with exit code ${exitCode}`, { code, where: unit, hint, output });
  };

  /**
   * Waits for a start as systemctl does, but not for one that waits for us.
   * @returns the unit that we run in which the started one is ordered after; systemd starts it later
   */
  const waitForStart = async (unit: string, words: Words): Promise<Ran & { readonly after?: string }> => {
    const abort = new AbortController();
    const call = exec.tool(words, { timeout, abort: abort.signal });
    let after: string | undefined;
    try {
      // Nearly every start is over before the first look would begin.
      const ran = await Promise.race([call, clock.sleep(QUICK_START).then(() => undefined)]);
      if (ran !== undefined) return ran;
      after = await heldBy(unit, call, system);
    } catch (error) {
      // A systemctl that is still waiting is not left behind.
      abort.abort();
      await call;
      throw error;
    }
    // This ends systemctl, and not the job.
    if (after !== undefined) abort.abort();
    const { cut, ...ended } = await call;
    return cut === 'abort' && after !== undefined ? { ...ended, after } : { ...ended, ...(cut && { cut }) };
  };

  const change = async (verb: string, service?: string): Promise<Ordered | undefined> => {
    const since = clock.now();
    const unit = service === undefined ? '' : unitName(service);
    const units = unit === '' ? [] : ['--', unit];
    const starts = verb === 'start' || verb === 'restart';
    const fault = starts ? faulty.get(unit) : undefined;
    // A start of a unit that waits to be restarted would wait as long, and a unit that counts as running is not started.
    const mustEnd = fault === 'auto-restart' || fault === 'dead';
    const how: string[] = isOwnDaemon(unit, system) ? ['--no-block'] : [];
    let ordered: Ordered | undefined;
    if (how.length === 0 && (verb === 'restart' || mustEnd)) {
      // A restart ends it at once, and it would be down until we have ended.
      const after = await wouldBeHeldBy(unit, system);
      if (after !== undefined) how.push('--job-mode=ignore-dependencies');
      ordered = after === undefined ? undefined : { after, isDone: true };
    }
    const words: Words = ['systemctl', ...how, mustEnd ? 'restart' : verb, ...units];
    const begin = (): Promise<Ran & { readonly after?: string }> =>
      starts ? waitForStart(unit, words) : exec.tool(words, verb === 'stop' || verb === 'reload' ? { timeout } : {});
    const forget = () => exec.tool(['systemctl', 'reset-failed', ...units]);
    // systemd refuses to start what has been started often of late, even if its fault has been mended since.
    if (fault !== undefined) await forget();
    let ran = await begin();
    if (starts && ran.exitCode !== 0 && TOO_OFTEN.test(ran.output)) {
      await forget();
      ran = await begin();
    }
    if (ran.after !== undefined) return { after: ran.after, isDone: false };
    if (ran.cut === 'timeout')
      throw tooSlow(`systemctl ${verb}`, timeout, {
        where: unit,
        hint: `systemd goes on with it, see systemctl status ${unit}; service-timeout in ${paths.settings} is the bound`,
        output: ran.output,
      });
    if (ran.exitCode !== 0) throw await failure(verb, unit, since, ran, starts);
    return ordered;
  };
  /** What starts one unit may start and stop others, so all that was said of units is forgotten. */
  const systemctl = async (verb: string, service?: string): Promise<Ordered | undefined> => {
    try {
      return await change(verb, service);
    } finally {
      shown.clear();
    }
  };
  const act = async (verb: string, service?: string): Promise<void> => {
    await systemctl(verb, service);
  };

  /** cfn-hup reads its configuration before each look at Heat: all that it can be told is to look at once. */
  const reloadDaemon = async (service: string): Promise<undefined> => {
    try {
      await systemctl('reload', service);
    } catch (error) {
      // A template's own unit has no ExecReload=.
      if (codeOf(error) !== 'CFN_UNIT_NOT_APPLICABLE') throw error;
    }
  };

  /**
   * @param next services that are asked for next
   * @returns undefined when systemctl finds itself in a chroot
   */
  const show = async (unit: string, next: readonly string[] = []): Promise<Properties | undefined> => {
    const known = shown.get(unit);
    if (known !== undefined) return known;
    const units = [...new Set([unit, ...next.flatMap(unitOrNone)])];
    const ran = await exec.query(['systemctl', 'show', `--property=${PROPERTIES.join(',')}`, '--', ...units]);
    const found = parseProperties(ran.stdout);
    if (found.length === units.length && found.every((properties) => properties['LoadState'] !== undefined)) {
      for (const [index, properties] of found.entries()) shown.set(units[index] ?? '', properties);
      return found[0];
    }
    if (/^Running in chroot/m.test(ran.output)) return undefined;
    // systemctl stops at the first name that systemd refuses.
    if (units.length > 1) return show(unit);
    if (ran.exitCode === 0 && ran.stdout.trim() === '') return { LoadState: 'not-found' };
    throw await failure('show', unit, clock.now(), ran, false);
  };

  const textOf = async (unit: string): Promise<string> => (await exec.tool(['systemctl', 'cat', '--', unit])).stdout;

  const notEnabled = async (unit: Properties, id: string): Promise<string | undefined> => {
    const { UnitFileState: fileState = '', SourcePath } = unit;
    if (scriptOf(unit) !== undefined) return undefined;
    const isStatic = fileState.startsWith('linked') && !hasInstall(await textOf(id));
    return notEnabledBy(isStatic ? 'static' : fileState, SourcePath);
  };

  /** Whether it is enabled, for the states of a unit file that do not say, too. */
  const isEnabled = async (properties: Properties, unit: string): Promise<boolean> => {
    const { UnitFileState: fileState = '', WantedBy = '', RequiredBy = '' } = properties;
    if (fileState === 'generated' && scriptOf(properties) === undefined) return `${WantedBy}${RequiredBy}` !== '';
    // systemd knows no state of a SysV script; systemctl asks the distribution's own tool.
    if (fileState === '' || fileState === 'generated')
      return (await exec.tool(['systemctl', 'is-enabled', '--', unit])).exitCode === 0;
    if (fileState !== 'indirect') return ENABLED.has(fileState);
    const unitFiles = await textOf(unit);
    if (isEnabledByItself(unitFiles)) return false;
    const also = alsoOf(unitFiles).filter((other) => other !== unit);
    if (also.length === 0) return true;
    const { stdout } = await exec.tool(['systemctl', 'is-enabled', '--', ...also]);
    return stdout
      .trim()
      .split(/\s+/)
      .every((word) => ENABLED.has(word) || STATIC.has(word));
  };

  const isDeadByScript = async (unit: Properties): Promise<boolean> => {
    const path = scriptOf(unit);
    if (path === undefined || !scripts.isThere(path)) return false;
    const { isRunning, isGuess } = await scripts.status(path);
    return !isRunning && !isGuess;
  };

  /**
   * Whether a unit was stopped on purpose: not because a service that it is bound to has ended by itself.
   * @param seen the units that led here; services may be bound to each other
   * @returns undefined where the journal does not tell
   */
  const wasMeantToStop = async (
    unit: string,
    since: Date,
    seen: readonly string[] = [],
  ): Promise<boolean | undefined> => {
    if (seen.includes(unit)) return true;
    const isStopped = await wasStopped(exec, unit, since);
    if (isStopped !== true) return isStopped;
    for (const other of ((await show(unit))?.['BindsTo'] ?? '').split(' ')) {
      const isDown = other.endsWith('.service') && !isUp((await show(other)) ?? {});
      if (isDown && !(await wasMeantToStop(other, since, [...seen, unit]))) return false;
    }
    return true;
  };

  return {
    name: 'systemd',
    stopsOthers: new Set(['start', 'stop', 'restart']),
    async status(service, next): Promise<ServiceStatus> {
      const name = unitName(service);
      const unit = await show(name, next);
      if (unit === undefined) return systemdOffline(system, timeout).status(service);
      const isKnown = unit['LoadState'] !== 'not-found';
      const id = unit['Id'] ?? name;
      if (!isKnown) return { isKnown, isEnabled: false, isRunning: false, id, canStart: true };
      const fileState = unit['UnitFileState'] ?? '';
      faulty.delete(id);
      if (unit['ActiveState'] === 'failed') faulty.set(id, 'failed');
      if (isWaitingForRestart(unit)) faulty.set(id, 'auto-restart');
      // systemd sees no process of it any more. While it starts, or while something of it runs, a script may answer anything.
      const mayBeDead = unit['ActiveState'] === 'active' && unit['SubState'] === 'exited';
      const isDead = mayBeDead && (await isDeadByScript(unit));
      if (isDead) faulty.set(id, 'dead');
      const isMasked = unit['LoadState'] === 'masked' && (fileState === 'masked-runtime' ? 'runtime' : true);
      return {
        isKnown,
        isEnabled: !isMasked && (await isEnabled(unit, id)),
        isRunning: isUp(unit) && !isDead,
        id,
        canStart: true,
        isMasked,
        notEnabled: await notEnabled(unit, id),
        needsReload: unit['NeedDaemonReload'] === 'yes',
        isQueued: /^[1-9]/.test(unit['Job'] ?? '') && /^(inactive|failed)$/.test(unit['ActiveState'] ?? ''),
        isOneshot: unit['Type'] === 'oneshot' && unit['Result'] === 'success',
      };
    },
    forget: () => shown.clear(),
    enable: (service) => act('enable', service),
    disable: (service) => act('disable', service),
    start: (service) => systemctl('start', service),
    stop: (service) => act('stop', service),
    restart: (service) =>
      isOwnDaemon(unitName(service), system) ? reloadDaemon(service) : systemctl('restart', service),
    reload: () => act('daemon-reload'),
    async names() {
      const command = ['systemctl', 'list-unit-files', '--no-legend', '--no-pager'] as const;
      const scripts = files.entry('/etc/init.d') === undefined ? [] : files.names('/etc/init.d');
      return serviceNames((await exec.tool(command)).stdout, scripts);
    },
    async watch(service, since, next): Promise<Check | Fault | undefined> {
      const name = unitName(service);
      // Sockets, timers and the like run no program of their own that could end.
      if (!name.endsWith('.service')) return undefined;
      const before = (await show(name, next)) ?? {};
      const fault = async (now: Properties): Promise<Fault | undefined> => {
        const what = faultOf(now, before);
        if (what === undefined) return undefined;
        const words = await journalLines(exec, name, since);
        return { what: what.what, hint: startHint(what.why, words, name) };
      };
      const atOnce = await fault(before);
      if (atOnce !== undefined || before['Type'] === 'oneshot') return atOnce;
      const path = scriptOf(before);
      const script = path === undefined ? undefined : scripts.check(path);
      return async (look) => {
        const now = (await show(name, look.next)) ?? {};
        // A stop on purpose goes through systemd, which would say that the service is down.
        if (faultOf(now, before) === undefined) return script?.({ ...look, mayBeStopped: false });
        const wasMeant = look.mayBeStopped ? await wasMeantToStop(name, since) : false;
        if (wasMeant === true) return 'stopped';
        return wasMeant === undefined && isQuiet(now) ? 'perhaps stopped' : fault(now);
      };
    },
  };
}

type Words = readonly [string, ...string[]];
type Ran = Pick<ToolResult, 'exitCode' | 'output' | 'cut'>;

/** The name of its unit; nothing for a template, of which there is nothing to be said. */
function unitOrNone(service: string): readonly string[] {
  try {
    return [unitName(service)];
  } catch {
    return [];
  }
}

function isUp(unit: Properties): boolean {
  return RUNNING.has(unit['ActiveState'] ?? '') && !isWaitingForRestart(unit);
}

/** It has ended without an error, or was stopped. */
function isQuiet(unit: Properties): boolean {
  return unit['Result'] === 'success' && unit['ActiveState'] === 'inactive';
}

/** The init script that systemd made the unit from. */
function scriptOf(unit: Properties): string | undefined {
  const path = unit['SourcePath'];
  return path?.startsWith('/etc/init.d/') ? path : undefined;
}

/** A program that dies again and again spends most of its time like this, although the unit is `activating`. */
function isWaitingForRestart(unit: Properties): boolean {
  return unit['SubState']?.startsWith('auto-restart') === true;
}

/** What is wrong with a unit that was started, compared with how it was right after its start. */
function faultOf(now: Properties, before: Properties): { what: string; why: string } | undefined {
  const restarts = Number(now['NRestarts'] ?? 0) - Number(before['NRestarts'] ?? 0);
  if (isUp(now) && restarts <= 0) return undefined;
  // A oneshot has done its work, and a daemon that a socket or a timer starts has nothing to do.
  if (isQuiet(now) && (now['Type'] === 'oneshot' || (now['TriggeredBy'] ?? '') !== '')) return undefined;
  // It has ended well, which systemd keeps no record of, or one of its conditions was not met, which the journal says.
  if (isQuiet(now) && !isUp(before)) return { what: 'does not run', why: 'it is inactive, without an error' };
  const again = restarts > 0 ? `systemd has had to restart it ${restarts === 1 ? 'once' : `${restarts} times`}` : '';
  return { what: 'did not stay up', why: [endOf(now), again].filter((text) => text !== '').join(', ') };
}

/** `exit code 4`, `signal 9`, or systemd's word for it (`timeout`, `oom-kill`, `watchdog`). */
function endOf(unit: Properties): string {
  const { Result = '', ExecMainCode, ExecMainStatus } = unit;
  if (Result === 'exit-code') return `exit code ${ExecMainStatus}`;
  if (Result === 'signal' || Result === 'core-dump') return `signal ${ExecMainStatus}`;
  if (Result !== 'success') return Result;
  return isUp(unit) ? '' : ExecMainCode === '1' ? 'exit code 0' : 'it ended without an error';
}

function startHint(why: string, words: readonly string[], unit: string): string {
  return [why, words.length === 0 ? '' : lastWords(words), `see journalctl -u ${unit}`]
    .filter((text) => text !== '')
    .join('; ');
}

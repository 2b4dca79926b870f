import { lastLine, Problem } from '../../../errors.ts';
import { paths } from '../../../paths.ts';
import type { ToolResult } from '../../../system/exec.ts';
import type { System } from '../../../system/system.ts';
import { type Properties, parseProperties } from '../../../system/systemctl.ts';
import {
  type Check,
  type Ordered,
  type ServiceManager,
  type ServiceStatus,
  type Trouble,
  tooSlow,
} from '../manager.ts';
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
];

/** The systemd that runs this machine. In a chroot, where systemctl refuses to ask it, units can only be enabled. */
export function systemd(system: System, timeout: number): ServiceManager {
  const { exec, files, clock } = system;
  /** The units that were found failed, failing again and again, or dead though systemd takes them for running. */
  const troubled = new Map<string, 'failed' | 'auto-restart' | 'dead'>();
  /** By unit: what systemd has said of it, as long as nothing has changed since. */
  const shown = new Map<string, Properties>();

  /** systemd takes a service with an init script for running, whatever becomes of it: only the script can tell. */
  const scripts = initScripts(system, timeout, (script, verb) => [
    'env',
    'SYSTEMCTL_SKIP_REDIRECT=1', // the script itself shall answer, and not pass it on to systemctl
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
    // Its last line but says where to look.
    const [said = ''] = output.trim().split('\n');
    const hint = asksJournal ? startHint(said, words, unit) : lastLine(output);
    return new Problem(`systemctl ${verb} ended with exit code ${exitCode}`, { where: unit, hint, output });
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
    // The end of systemctl is not that of the job.
    if (after !== undefined) abort.abort();
    const { cut, ...ended } = await call;
    return cut === 'abort' && after !== undefined ? { ...ended, after } : { ...ended, ...(cut && { cut }) };
  };

  const change = async (verb: string, service?: string): Promise<Ordered | undefined> => {
    const since = clock.now();
    const unit = service === undefined ? '' : unitName(service);
    const units = unit === '' ? [] : ['--', unit];
    const starts = verb === 'start' || verb === 'restart';
    const trouble = starts ? troubled.get(unit) : undefined;
    // To one that waits to be restarted a start would wait as long; one that systemd takes for running is not started.
    const mustEnd = trouble === 'auto-restart' || trouble === 'dead';
    const how: string[] = isOwnDaemon(unit) ? ['--no-block'] : [];
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
    // What was started often of late is refused a start, which says nothing of this one: it may be mended since.
    if (trouble !== undefined) await forget();
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
      if (!(error instanceof Problem) || !/not applicable/.test(error.output ?? '')) throw error;
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
    // One name that systemd refuses is enough to be told nothing of those behind it.
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
    // Of a SysV script systemd knows no state; systemctl asks the distribution's own tool for it.
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

  return {
    name: 'systemd',
    async status(service, next): Promise<ServiceStatus> {
      const name = unitName(service);
      const unit = await show(name, next);
      if (unit === undefined) return systemdOffline(system, timeout).status(service);
      const isKnown = unit['LoadState'] !== 'not-found';
      const id = unit['Id'] ?? name;
      if (!isKnown) return { isKnown, isEnabled: false, isRunning: false, id, canStart: true };
      const fileState = unit['UnitFileState'] ?? '';
      troubled.delete(id);
      if (unit['ActiveState'] === 'failed') troubled.set(id, 'failed');
      if (isWaitingForRestart(unit)) troubled.set(id, 'auto-restart');
      // systemd sees no process of it any more. While it starts, or while something of it runs, a script may answer anything.
      const mayBeDead = unit['ActiveState'] === 'active' && unit['SubState'] === 'exited';
      const isDead = mayBeDead && (await isDeadByScript(unit));
      if (isDead) troubled.set(id, 'dead');
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
    restart: (service) => (isOwnDaemon(unitName(service)) ? reloadDaemon(service) : systemctl('restart', service)),
    reload: () => act('daemon-reload'),
    async names() {
      const command = ['systemctl', 'list-unit-files', '--no-legend', '--no-pager'] as const;
      const scripts = files.entry('/etc/init.d') === undefined ? [] : files.names('/etc/init.d');
      return serviceNames((await exec.tool(command)).stdout, scripts);
    },
    async watch(service, since, next): Promise<Check | Trouble | undefined> {
      const name = unitName(service);
      // Sockets, timers and the like run no program of their own that could end.
      if (!name.endsWith('.service')) return undefined;
      const before = (await show(name, next)) ?? {};
      const trouble = async (now: Properties): Promise<Trouble | undefined> => {
        const what = troubleOf(now, before);
        if (what === undefined) return undefined;
        const words = await journalLines(exec, name, since);
        return { what: what.what, hint: startHint(what.why, words, name) };
      };
      const atOnce = await trouble(before);
      if (atOnce !== undefined || before['Type'] === 'oneshot') return atOnce;
      const path = scriptOf(before);
      const script = path === undefined ? undefined : await scripts.check(path);
      return async (look) => {
        const now = (await show(name, look.next)) ?? {};
        if (troubleOf(now, before) === undefined) return script?.(look);
        return look.mayBeStopped && (await wasStopped(exec, name, since)) ? 'stopped' : trouble(now);
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

/** The init script that systemd made the unit from. */
function scriptOf(unit: Properties): string | undefined {
  const path = unit['SourcePath'];
  return path?.startsWith('/etc/init.d/') ? path : undefined;
}

/** How a program that dies again and again looks most of the time, although it is `activating`. */
function isWaitingForRestart(unit: Properties): boolean {
  return unit['SubState']?.startsWith('auto-restart') === true;
}

/** What is wrong with a unit that was started, compared with how it was right after its start. */
function troubleOf(now: Properties, before: Properties): { what: string; why: string } | undefined {
  const restarts = Number(now['NRestarts'] ?? 0) - Number(before['NRestarts'] ?? 0);
  if (isUp(now) && restarts <= 0) return undefined;
  const isQuiet = now['Result'] === 'success' && now['ActiveState'] === 'inactive';
  // Work that is done, and a daemon that comes when it is called for.
  if (isQuiet && (now['Type'] === 'oneshot' || (now['TriggeredBy'] ?? '') !== '')) return undefined;
  // systemd forgets how a unit ended that ended well; or a condition of it was not met, which its journal says.
  if (isQuiet && !isUp(before)) return { what: 'does not run', why: 'it is inactive, without an error' };
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

import { Problem } from '../../../errors.ts';
import { paths } from '../../../paths.ts';
import type { System } from '../../../system/system.ts';
import { type Check, tooSlow } from '../manager.ts';
import { lastWords } from './journal.ts';

const DIRECTORY = '/etc/init.d';
/** The exit code of `status` for a service that was stopped. Good scripts have others for one that has ended by itself (LSB). */
const STOPPED = 3;

export interface InitScript {
  readonly isRunning: boolean;
  /** The script has no action `status`. */
  readonly isGuess: boolean;
  /** Nor is there a pid file. */
  readonly isMute: boolean;
  readonly exitCode: number;
}

export interface InitScripts {
  isThere(service: string): boolean;
  names(): readonly string[];
  status(service: string): Promise<InitScript>;
  /** @throws Problem with what the script said */
  run(service: string, verb: 'start' | 'stop' | 'restart'): Promise<undefined>;
  /** The later look at a service that was started. */
  check(service: string): Check;
}

/**
 * The scripts in /etc/init.d.
 * @param timeout milliseconds that one has to start or stop its service, before it is ended
 * @param command runs one of them
 * @param running exit codes of the action `status` for a service that runs (LSB: 0)
 */
export function initScripts(
  { exec, files }: Pick<System, 'exec' | 'files'>,
  timeout: number,
  command: (name: string, verb: string) => [string, ...string[]],
  running: ReadonlySet<number> = new Set([0]),
): InitScripts {
  /** Without an action `status` a script answers with its usage; its pid file is all there is to look at then. */
  const pidOf = (name: string): string | undefined => {
    const pid = files.readIfPresent(`/run/${name}.pid`, 4096)?.toString('utf8').trim() ?? '';
    return /^\d+$/.test(pid) ? pid : undefined;
  };
  const ask = async (name: string) => {
    const { exitCode, output } = await exec.tool(command(name, 'status'));
    if (!isUsage(output)) return { isRunning: running.has(exitCode), isGuess: false, isMute: false, exitCode, output };
    const pid = pidOf(name);
    const isRunning = pid !== undefined && files.entry(`/proc/${pid}`) !== undefined;
    return { isRunning, isGuess: true, isMute: pid === undefined, exitCode, output };
  };
  return {
    isThere: (service) => files.entry(`${DIRECTORY}/${scriptName(service)}`) !== undefined,
    names: () => (files.entry(DIRECTORY) === undefined ? [] : files.names(DIRECTORY)),
    status: (service) => ask(scriptName(service)),
    async run(service, verb) {
      const name = scriptName(service);
      const words = command(name, verb);
      const { exitCode, output, cut } = await exec.tool(words, { timeout });
      if (cut === 'timeout')
        throw tooSlow(words.join(' '), timeout, {
          where: `${DIRECTORY}/${name}`,
          hint: `it was ended, and ${wordsOf(output)}; service-timeout in ${paths.settings} is the bound`,
          output,
        });
      if (exitCode === 0) return undefined;
      throw new Problem(`${words.join(' ')} ended with exit code ${exitCode}`, {
        where: `${DIRECTORY}/${name}`,
        hint: wordsOf(output),
        output,
      });
    },
    check(service) {
      const name = scriptName(service);
      return async ({ mayBeStopped }) => {
        const { isRunning, isGuess, exitCode, output } = await ask(name);
        if (isRunning || isGuess) return undefined;
        if (mayBeStopped && exitCode === STOPPED) return 'perhaps stopped';
        const hint = `${command(name, 'status').join(' ')} ended with exit code ${exitCode}; ${wordsOf(output)}`;
        return { what: 'did not stay up', hint, output };
      };
    },
  };
}

/** `nginx`, `nginx.service` and `/etc/init.d/nginx` have the same script. */
export function scriptName(service: string): string {
  return (service.split('/').pop() ?? service).replace(/\.service$/, '');
}

/** Whether this is what a script prints for an argument that it does not know: `Usage: /etc/init.d/x {start|stop|restart}`. */
export function isUsage(output: string): boolean {
  return /\busage\b.*\bstart\b/is.test(output);
}

/** OpenRC adds messages of its own, at times on the line of another one. */
function wordsOf(output: string): string {
  const lines = output.replaceAll(/[ *]*Caching service dependencies \.\.\./g, '\n').split('\n');
  return lastWords(lines.filter((line) => line.trim() !== '[ ok ]'));
}

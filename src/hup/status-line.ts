import type { Log } from '../logging/log.ts';
import { isoTime } from '../time.ts';
import type { PassResult } from './pass.ts';
import type { HupConfig } from './settings.ts';

/** The status of a daemon, in one line for `systemctl status`. */
export class StatusLine {
  readonly #log: Log;
  #line: string;
  #failingSince: string | undefined;
  #lastChange: string | undefined;

  /** @param log gets a line when Heat answers again */
  constructor(config: HupConfig, log: Log) {
    this.#log = log;
    this.#line = sentence(config);
  }

  get line(): string {
    return this.#line;
  }

  /**
   * @param result undefined when the pass itself has failed
   * @returns whether the line has changed
   */
  update(config: HupConfig, result: PassResult | undefined, time: Date): boolean {
    const now = `${isoTime(time).slice(0, 19)}Z`;
    if (result?.changed) this.#lastChange = now;
    if (result === undefined || result.failure !== undefined || result.unkept !== undefined) this.#failingSince ??= now;
    else if (this.#failingSince !== undefined) {
      this.#log.info(`all is well again, for the first time since ${this.#failingSince}`);
      this.#failingSince = undefined;
    }
    const before = this.#line;
    this.#line = sentence(
      config,
      this.#lastChange === undefined ? undefined : `last change ${this.#lastChange}`,
      result === undefined || result.failedActions === 0 ? undefined : counted(result.failedActions, 'failed action'),
      result === undefined || result.parkedHooks === 0 ? undefined : counted(result.parkedHooks, 'parked hook'),
      this.#failingSince === undefined ? undefined : failureText(result, this.#failingSince),
    );
    return this.#line !== before;
  }
}

function sentence({ hooks, settings }: HupConfig, ...more: readonly (string | undefined)[]): string {
  const first = `Following ${settings.stack} with ${counted(hooks.length, 'hook')}`;
  return `${[first, ...more.filter((part) => part !== undefined)].join('; ')}.`;
}

function failureText(result: PassResult | undefined, since: string): string {
  return result?.failure?.kind === 'forbidden'
    ? `Heat's policy forbids guests to ask, since ${since}, see cfn-hup --status`
    : `failing since ${since}, see the log`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

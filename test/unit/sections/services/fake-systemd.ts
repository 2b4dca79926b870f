import { runSteps, TOLERATED_BY_HEAT } from '../../../../src/apply/run-steps.ts';
import type { Config } from '../../../../src/config/config.ts';
import { decodeMetadata } from '../../../../src/config/decode.ts';
import { createLog } from '../../../../src/logging/log.ts';
import { Redactor } from '../../../../src/redact.ts';
import { planRun, type RunPlan } from '../../../../src/sections/index.ts';
import type { System } from '../../../../src/system/system.ts';
import { fakeGuest } from '../../metadata/fake-system.ts';

/** A unit, as the stand-in has it. */
export interface Unit {
  isRunning?: boolean;
  isEnabled?: boolean;
  /** Its file on the disk is newer than what systemd has read. */
  isStale?: boolean;
  /** systemd has not read it yet. */
  isUnread?: boolean;
  /** Milliseconds after its start, by which it has failed. */
  readonly diesAfter?: number;
  /** Units that its start starts, or stops, too. */
  readonly wants?: readonly string[];
  readonly conflicts?: readonly string[];
}

/** A guest whose init system is a stand-in for systemd, with the calls of systemctl. */
export interface FakeSystemd {
  readonly system: System;
  readonly units: Readonly<Record<string, Unit>>;
  /** The calls of systemctl, as in `start a.service`; `show a.service b.service`. */
  readonly calls: string[];
  readonly passed: () => number;
}

/** @param commands what each shell command does */
export function fakeSystemd(
  units: Readonly<Record<string, Unit>>,
  commands: Readonly<Record<string, (system: FakeSystemd) => unknown>> = {},
): FakeSystemd {
  const guest = fakeGuest({});
  guest.write('/run/systemd/system/.keep', '');
  const calls: string[] = [];
  const startedAt = new Map<string, number>();
  const unitOf = (name: string): Unit | undefined => units[name.replace(/\.service$/, '')];
  const { clock } = guest.system;
  const start = (name: string): void => {
    const unit = unitOf(name);
    if (unit === undefined || unit.isRunning) return;
    unit.isRunning = true;
    startedAt.set(name, clock.elapsed());
    for (const other of unit.wants ?? []) start(`${other}.service`);
    for (const other of unit.conflicts ?? []) stop(`${other}.service`);
  };
  const stop = (name: string): void => {
    const unit = unitOf(name);
    if (unit !== undefined) unit.isRunning = false;
  };
  const describe = (name: string): string => {
    const unit = unitOf(name);
    const words = (properties: Readonly<Record<string, string>>): string =>
      Object.entries({ Id: name, ...properties })
        .map(([key, value]) => `${key}=${value}\n`)
        .join('');
    if (unit === undefined || unit.isUnread) return words({ LoadState: 'not-found', ActiveState: 'inactive' });
    const since = startedAt.get(name);
    const isDead = unit.diesAfter !== undefined && since !== undefined && clock.elapsed() - since >= unit.diesAfter;
    const state = unit.isRunning ? (isDead ? 'failed' : 'active') : 'inactive';
    return words({
      LoadState: 'loaded',
      ActiveState: state,
      Type: 'simple',
      Result: state === 'failed' ? 'exit-code' : 'success',
      ExecMainStatus: '1',
      UnitFileState: unit.isEnabled ? 'enabled' : 'disabled',
      NeedDaemonReload: unit.isStale ? 'yes' : 'no',
    });
  };
  const run = (words: readonly string[]): string => {
    const [verb = '', ...names] = words.filter((word) => !word.startsWith('-') && word !== 'systemctl');
    calls.push([verb, ...names].join(' '));
    if (verb === 'show') return names.map(describe).join('\n');
    for (const name of names) {
      const unit = unitOf(name);
      if (verb === 'restart') stop(name);
      if (verb === 'start' || verb === 'restart') start(name);
      if (verb === 'stop') stop(name);
      if (unit !== undefined && /able$/.test(verb)) unit.isEnabled = verb === 'enable';
    }
    if (verb === 'daemon-reload') for (const unit of Object.values(units)) unit.isStale = unit.isUnread = false;
    if (verb === 'list-unit-files')
      return Object.keys(units)
        .map((name) => `${name}.service enabled\n`)
        .join('');
    return '';
  };
  const answer = async (words: readonly string[]) => {
    const stdout = run(words);
    return { exitCode: 0, stdout, output: stdout };
  };
  const fake: FakeSystemd = {
    units,
    calls,
    passed: guest.passed,
    system: {
      ...guest.system,
      exec: {
        find: (program) => (program === 'systemctl' ? '/usr/bin/systemctl' : undefined),
        tool: answer,
        query: answer,
        async command(command) {
          commands[String(command)]?.(fake);
          return { exitCode: command === 'false' ? 1 : 0, output: '' };
        },
      },
    },
  };
  return fake;
}

/** The configs of a document, in the order in which it lists them. */
export function configsOf(configs: Readonly<Record<string, object>>): readonly Config[] {
  const value = { 'AWS::CloudFormation::Init': { configSets: { default: Object.keys(configs) }, ...configs } };
  return decodeMetadata({ value, text: JSON.stringify(value) }, []).configs;
}

/** What a run has told. */
export interface Told {
  /** `section state name` of each result. */
  readonly results: readonly string[];
  /** Warnings and errors. */
  readonly said: readonly string[];
  readonly stoppedBy: string | undefined;
}

/** Applies configs. */
export async function applyTo(
  { system }: FakeSystemd,
  plan: RunPlan | Readonly<Record<string, object>>,
  isCompatible = false,
): Promise<Told> {
  const said: string[] = [];
  const { results, stoppedBy } = await runSteps('steps' in plan ? (plan as RunPlan) : planRun(configsOf(plan)), {
    system,
    log: createLog(new Redactor(), [
      { write: (level, text) => void (/WARNING|ERROR/.test(level) && said.push(`${level} ${text}`)) },
    ]),
    tolerated: isCompatible ? TOLERATED_BY_HEAT : new Set(),
    isOtherRoot: false,
    onResult: () => {},
  });
  return {
    results: results.map(({ step, state }) => `${step.config} ${step.section} ${state} ${step.entry.name}`),
    said,
    stoppedBy: stoppedBy?.line,
  };
}

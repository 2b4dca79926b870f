import { describeAge } from '../metadata/source-chain.ts';
import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import { readForbidden } from './forbidden.ts';
import { type HookState, waitOf } from './hook-state.ts';
import type { HupConfig } from './hup-config.ts';
import { readLastChecks } from './last-check.ts';
import { stateKey } from './state-place.ts';
import { peekHookState, setAside } from './state-store.ts';

const HEADINGS = ['HOOK', 'LAST CHECK', 'LAST CHANGE', 'LAST SUCCESS', 'ATTEMPTS', 'STATE'];

/** How each hook fares, as lines for a person: `cfn-hup --status`. Nothing is changed. @throws Problem */
export function statusLines(config: HupConfig, system: System): readonly string[] {
  const { hooks, problems, settings } = config;
  const now = system.clock.now();
  const checks = readLastChecks(system);
  const rows: string[][] = [];
  const notes: string[] = [];
  for (const hook of hooks) {
    const state = peekHookState(system, hook, config);
    rows.push([
      hook.name,
      timeText(checks.get(stateKey(hook)), now),
      timeText(state?.lastChange, now),
      timeText(state?.lastSuccess, now),
      state === undefined || state.attempts === 0 ? '-' : `${state.attempts} of ${settings.maxAttempts}`,
      stateText(state, now),
    ]);
    if (state?.reason !== undefined)
      notes.push(`${hook.name}: failed ${timeText(state.lastFailure, now)}: ${state.reason}`);
    for (const file of setAside(system, hook)) notes.push(`${hook.name}: a corrupt state was set aside: ${file}`);
  }
  const forbidden = readForbidden(system, settings.stack);
  const isEmpty = hooks.every((hook) => peekHookState(system, hook, config) === undefined);
  return [
    ...(rows.length === 0 ? ['no hooks are configured'] : table([HEADINGS, ...rows])),
    ...(isEmpty && rows.length > 0 ? [`no hook was looked at yet: ${paths.hupState} has no state`] : []),
    ...notes,
    ...(forbidden === undefined ? [] : [`no news since ${timeText(forbidden.since, now)}: ${forbidden.line}`]),
    ...problems.map((problem) => `not in force: ${problem}`),
  ];
}

function stateText(state: HookState | undefined, now: Date): string {
  if (state === undefined) return 'new';
  if (state.isParked) return 'parked until the metadata changes';
  if (state.acknowledged.kind === 'unknown') return 'record lost, runs once more';
  if (state.failing === undefined) return 'ok';
  const wait = waitOf(state, now);
  return wait > 0 ? `failing, due in ${Math.ceil(wait / 1000)} s` : 'failing, due at the next pass';
}

/** `2026-11-22 15:04:05Z (3 minutes ago)` */
function timeText(time: string | undefined, now: Date): string {
  if (time === undefined) return 'never';
  const date = new Date(time);
  const shown = date.toISOString().slice(0, 19).replace('T', ' ');
  return `${shown}Z (${describeAge(now.getTime() - date.getTime())} ago)`;
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

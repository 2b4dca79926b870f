import { describe, expect, it } from 'vitest';
import { type Report, type StepResult, stepLine, summaryLine } from '../../../src/apply/report.ts';

function result(state: StepResult['state'], what = '', duration = 2): StepResult {
  return {
    step: { section: 'files', config: 'config', entry: { name: '/etc/motd', place: '/x' } },
    state,
    what,
    duration,
  };
}

describe('stepLine', () => {
  it.each<[result: StepResult, parts: string[]]>([
    [
      result('changed', 'created, 0644 root:root'),
      ['files', 'changed', '/etc/motd', '(created, 0644 root:root)', '2 ms'],
    ],
    [result('unchanged', '', 0.4), ['files', 'unchanged', '/etc/motd', '0 ms']],
    [result('skipped', 'the test failed', 1234), ['files', 'skipped', '/etc/motd', '(the test failed)', '1.2 s']],
    [result('failed', 'no such user', 61_000), ['files', 'failed', '/etc/motd', '61.0 s']],
  ])('is one line of columns', (one, parts) => {
    expect(stepLine(one).split(/ {2,}/)).toEqual(parts);
  });

  it('keeps the columns in line', () => {
    const columns = (['changed', 'unchanged', 'skipped', 'failed'] as const).map((state) =>
      stepLine(result(state)).indexOf('/etc/motd'),
    );
    expect(new Set(columns).size).toBe(1);
  });
});

describe('summaryLine', () => {
  const report = (states: StepResult['state'][], notRun = 0, duration = 1200): Report => ({
    results: states.map((state) => result(state)),
    stoppedBy: undefined,
    notRun,
    duration,
  });

  it.each<[report: Report, line: string]>([
    [report([]), 'nothing to do in 1.2 s'],
    [report(['changed', 'unchanged', 'changed', 'changed']), '3 changed, 1 unchanged in 1.2 s'],
    [report(['skipped', 'changed']), '1 changed, 1 skipped in 1.2 s'],
    [report(['changed', 'failed'], 4, 5), '1 changed, 1 failed, 4 not run in 5 ms'],
    [report(['unchanged'], 0, 0), '1 unchanged in 0 ms'],
  ])('%#', (one, line) => {
    expect(summaryLine(one)).toBe(line);
  });
});

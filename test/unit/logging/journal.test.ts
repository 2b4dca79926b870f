import { describe, expect, it, vi } from 'vitest';
import { createLog, type Log, MESSAGE_IDS } from '../../../src/logging/log.ts';
import { type JournalOrigin, journalSink } from '../../../src/logging/sinks.ts';
import { Redactor } from '../../../src/redact.ts';

const ORIGIN: JournalOrigin = { command: 'cfn-init', processId: 42, stack: 's1', resource: 'guest' };

function entries(say: (log: Log) => void, redactor = new Redactor(), isThere = true): string[][] {
  const sent: string[] = [];
  const journal = { isThere: () => isThere, send: (entry: string) => void sent.push(entry) };
  say(createLog(redactor, [journalSink(ORIGIN, (text) => redactor.redact(text), journal)]));
  return sent.map((entry) => entry.trimEnd().split('\n'));
}

const origin = [
  'SYSLOG_IDENTIFIER=cfn-init',
  'SYSLOG_PID=42',
  'CFN_COMMAND=cfn-init',
  'CFN_STACK=s1',
  'CFN_RESOURCE=guest',
];

describe('what becomes an entry', () => {
  it('the begin of a step does when it lasts longer than a second; the entry of a failure says why', () => {
    vi.useFakeTimers();
    const step = { section: 'commands', config: 'config', entry: 'x' };
    const sent: string[] = [];
    const journal = { isThere: () => true, send: (entry: string) => void sent.push(entry.split('\n')[0] ?? '') };
    const log = createLog(new Redactor(), [journalSink(ORIGIN, (text) => text, journal)]);
    log.info('quick begins', { event: 'stepBegun', ...step });
    log.debug('it prints');
    log.info('quick unchanged', { state: 'unchanged', ...step });
    vi.advanceTimersByTime(5000);
    expect(sent).toEqual([]);
    log.info('slow begins', { event: 'stepBegun', ...step });
    vi.advanceTimersByTime(1500);
    log.info('slow failed', { event: 'stepFailed', reason: 'it broke', ...step });
    expect(sent).toEqual(['MESSAGE=slow begins', 'MESSAGE=slow failed: it broke']);
    vi.useRealTimers();
  });

  it('an error and a warning do, news and details do not', () => {
    const got = entries((log) => {
      log.trace('a');
      log.debug('b');
      log.info('c');
      log.warning('d');
      log.error('e');
    });
    expect(got).toEqual([
      ['MESSAGE=d', 'PRIORITY=4', ...origin],
      ['MESSAGE=e', 'PRIORITY=3', ...origin],
    ]);
  });

  it('an event does at any level', () => {
    const got = entries((log) => {
      log.trace('begins', { event: 'runBegun' });
      log.info('files  changed  /x', {
        event: 'stepDone',
        state: 'changed',
        section: 'files',
        config: 'config',
        entry: '/x',
      });
      log.info('files  failed  /x', { event: 'stepFailed', severity: 'ERROR' });
      log.info('files  unchanged  /x', { state: 'unchanged', section: 'files', entry: '/x' });
    });
    expect(got.map((lines) => lines.filter((line) => !origin.includes(line)))).toEqual([
      ['MESSAGE=begins', `MESSAGE_ID=${MESSAGE_IDS.runBegun}`, 'PRIORITY=6'],
      [
        'MESSAGE=files  changed  /x',
        `MESSAGE_ID=${MESSAGE_IDS.stepDone}`,
        'PRIORITY=6',
        'CFN_STEP=files /x',
        'CFN_SECTION=files',
        'CFN_CONFIG=config',
        'CFN_STATE=changed',
      ],
      ['MESSAGE=files  failed  /x', `MESSAGE_ID=${MESSAGE_IDS.stepFailed}`, 'PRIORITY=3'],
    ]);
  });

  it('what the line is about wins over what the command was told', () => {
    const [lines] = entries((log) =>
      log.error('x', { hook: 'h', stack: 's2', resource: 'r2', exitCode: 1, event: 'actionFailed' }),
    );
    expect(lines).toEqual(expect.arrayContaining(['CFN_HOOK=h', 'CFN_STACK=s2', 'CFN_RESOURCE=r2', 'CFN_EXIT_CODE=1']));
  });

  it('nothing does where there is no journal', () => {
    expect(entries((log) => log.error('x'), new Redactor(), false)).toEqual([]);
  });
});

describe('an entry', () => {
  it('has no secret, neither in its text nor in its fields', () => {
    const redactor = new Redactor();
    redactor.addSecret('hunter22');
    const about = {
      event: 'stepDone',
      section: 'files',
      entry: '/hunter22',
      config: 'hunter22',
      hook: 'hunter22',
    } as const;
    const [lines = []] = entries((log) => log.info('wrote hunter22', about), redactor);
    expect(lines.join('\n')).not.toContain('hunter22');
    expect(lines).toEqual(expect.arrayContaining(['MESSAGE=wrote [redacted]', 'CFN_STEP=files /[redacted]']));
  });

  it('keeps the lines of its text, and lets no value make a field or end it', () => {
    const [lines = []] = entries((log) =>
      log.error('it printed\n\n.\nPRIORITY=0\0', { section: 'files', entry: '/x\n.\nPRIORITY=0' }),
    );
    expect(lines.slice(0, 6)).toEqual([
      'MESSAGE=it printed',
      'MESSAGE=',
      'MESSAGE=.',
      'MESSAGE=PRIORITY=0\\x00',
      'PRIORITY=3',
      'SYSLOG_IDENTIFIER=cfn-init',
    ]);
    expect(lines).toContain('CFN_STEP=files /x . PRIORITY=0');
    for (const line of lines) expect(line).toMatch(/^[A-Z_]+=/);
  });

  it('is not without bounds', () => {
    const [lines = []] = entries((log) => log.error('x'.repeat(1e6), { hook: 'y'.repeat(1e6) }));
    expect(lines.join('\n').length).toBeLessThan(20_000);
  });
});

describe('MESSAGE_IDS', () => {
  it('are ids as journald takes them, each another', () => {
    const ids = Object.values(MESSAGE_IDS);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

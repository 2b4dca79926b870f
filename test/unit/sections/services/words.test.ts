import { describe, expect, test } from 'vitest';
import { isUsage, scriptName } from '../../../../src/sections/services/managers/init-scripts.ts';
import { lastWords, wordsOf } from '../../../../src/sections/services/managers/journal.ts';
import {
  alsoOf,
  isEnabledByItself,
  serviceNames,
  unitName,
} from '../../../../src/sections/services/managers/unit-name.ts';
import { parseUnits, processStat } from '../../../../src/system/programs/processes.ts';
import { parseJobs, parseOrder } from '../../../../src/system/programs/systemctl.ts';

describe('unitName', () => {
  test.each([
    ['nginx', 'nginx.service'],
    ['nginx.service', 'nginx.service'],
    ['/etc/init.d/nginx', 'nginx.service'],
    ['tap.socket', 'tap.socket'],
    ['getty@tty1', 'getty@tty1.service'],
    ['dbus-org.freedesktop.login1', 'dbus-org.freedesktop.login1.service'],
    ['backup@a.timer', 'backup@a.timer'],
  ])('%s: %s', (service, unit) => {
    expect(unitName(service)).toBe(unit);
  });

  test.each([
    ['getty@', 'getty@NAME'],
    ['getty@.service', 'getty@NAME'],
    ['backup@.timer', 'backup@NAME.timer'],
  ])('%s is a template', (service, example) => {
    expect(() => unitName(service)).toThrow(expect.objectContaining({ hint: expect.stringContaining(example) }));
  });
});

test('serviceNames: without .service, scripts included', () => {
  const listing = 'nginx.service enabled enabled\ngetty@.service enabled enabled\ntap.socket disabled enabled\n';
  expect(serviceNames(listing, ['olden'])).toEqual(['nginx', 'getty@', 'tap.socket', 'olden']);
});

test('alsoOf: all of its lines', () => {
  expect(alsoOf('[Install]\nAlso=a.socket  b.socket\nWantedBy=x\nAlso=c.timer\n')).toEqual([
    'a.socket',
    'b.socket',
    'c.timer',
  ]);
  expect(alsoOf('[Install]\nWantedBy=x\n')).toEqual([]);
});

describe('isEnabledByItself', () => {
  test.each([
    ['[Unit]\nA=b\n[Install]\nWantedBy=multi-user.target\n', true],
    ['[Install]\nAlso=a.socket\n Alias = b.service\n', true],
    ['[Install]\nRequiredBy=x\n', true],
    ['[Install]\nUpheldBy=x\n', true],
    ['[Install]\nAlso=a.socket\n', false],
    ['[Install]\nWantedBy=\n#WantedBy=x\n', false],
    ['[X-Notes]\nWantedBy=x\n[Install]\nAlso=a.socket\n', false],
    ['', false],
  ])('%j: %s', (unitFiles, is) => {
    expect(isEnabledByItself(unitFiles)).toBe(is);
  });
});

describe('isUsage', () => {
  test.each([
    ['Usage: /etc/init.d/x {start|stop|restart}', true],
    ['usage: x start|stop', true],
    ['* Usage: service x\n  [start|stop]', true],
    ['x is stopped', false],
    ['x is not running', false],
    ['disk usage: 30%', false],
    ['', false],
  ])('%s: %s', (output, is) => {
    expect(isUsage(output)).toBe(is);
  });
});

test.each(['nginx', 'nginx.service', '/etc/init.d/nginx'])('scriptName: %s', (service) => {
  expect(scriptName(service)).toBe('nginx');
});

describe('lastWords', () => {
  test.each([
    [[], 'it said nothing'],
    [['', ' '], 'it said nothing'],
    [['one'], 'its last words: one'],
    [['one', '', ' two\tthree ', 'four', 'five'], 'its last words: two three | four | five'],
    [['x'.repeat(300)], `its last words: ${'x'.repeat(200)}...`],
  ])('%o', (lines, words) => {
    expect(lastWords(lines)).toBe(words);
  });
});

describe('wordsOf', () => {
  const since = new Date(1_000_000);
  const entry = (seconds: number, pid: string, message: unknown): string =>
    JSON.stringify({ __REALTIME_TIMESTAMP: String(seconds * 1_000_000), _PID: pid, MESSAGE: message });
  const of = (...entries: string[]) => wordsOf(`${entries.join('\n')}\n`, since);

  test("the program's own, of this time", () => {
    expect(of(entry(999, '7', 'old'), entry(1001, '1', 'Started x'), entry(1002, '7', 'new'))).toEqual(['new']);
  });

  test("systemd's when there are none, without what it says each time", () => {
    const lines = [
      'Starting x',
      'x: Failed to load environment files',
      "x: Failed with result 'r'.",
      'Failed to start x.',
    ];
    expect(of(...lines.map((line) => entry(1001, '1', line)))).toEqual(['x: Failed to load environment files']);
  });

  test('bytes, nothing, and a line that is cut', () => {
    const cut = '{"__REALTIME_TIMESTAMP":"10010000';
    expect(of(entry(1001, '7', [104, 105, 255]), entry(1001, '7', null), cut)).toEqual(['hi\ufffd']);
  });
});

describe('the jobs of systemd', () => {
  test('by unit, as list-jobs prints them, with or without its legend', () => {
    const rows = '95  cloud-final.service start running\n 138 a\\x2db.service     start   waiting\n';
    const jobs = [
      ['cloud-final.service', 'running'],
      ['a\\x2db.service', 'waiting'],
    ];
    expect([...parseJobs(rows)]).toEqual(jobs);
    expect([...parseJobs(`JOB UNIT TYPE STATE\n${rows}\n2 jobs listed.\n`)]).toEqual(jobs);
    expect([...parseJobs('No jobs running.\n')]).toEqual([]);
  });

  test('what each unit is ordered after', () => {
    const order = parseOrder(
      'Id=a.service\nAfter=b.service c.target\n\nAfter=\nId=b.service\nNames=b.service bee.service\n',
    );
    expect([...order]).toEqual([
      ['a.service', { id: 'a.service', after: ['b.service', 'c.target'] }],
      ['b.service', { id: 'b.service', after: [] }],
      ['bee.service', { id: 'b.service', after: [] }],
    ]);
  });
});

test.each([
  [`12 (cfn-init) S 34 12 12 ${'0 '.repeat(15)}7`, 34],
  [`12 (a) b (c) R 1 12 12 ${'0 '.repeat(15)}7`, 1],
  [`12 (ended) Z 1 12 12 ${'0 '.repeat(15)}7`, undefined],
  ['', undefined],
])('the parent of a process: %s', (stat, parent) => {
  expect(processStat(12, () => stat)?.parent).toBe(parent);
});

test.each([
  ['0::/system.slice/cloud-final.service\n', 'cloud-final.service'],
  ['0::/system.slice/x.service/init.scope\n', 'x.service'],
  ['2:cpu:/other.service\n1:name=systemd:/system.slice/cloud-final.service\n0::/\n', 'cloud-final.service'],
  ['0::/user.slice/user-0.slice/session-c1.scope\n', 'session-c1.scope'],
  ['0::/system.slice/_cpu.service\n', 'cpu.service'],
  ['0::/\n', undefined],
  ['', undefined],
])('the outermost unit: %j', (cgroup, unit) => {
  expect(parseUnits(cgroup)[0]).toBe(unit);
});

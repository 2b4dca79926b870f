import { describe, expect, it } from 'vitest';
import { unitsWaitedFor } from '../../../src/apply/unit-wait.ts';
import { innermostService, parseUnits } from '../../../src/system/programs/processes.ts';

describe('the service of a process', () => {
  it.each<[string, string | undefined]>([
    ['0::/system.slice/my-setup.service\n', 'my-setup.service'],
    ['0::/system.slice/system-x.slice/x@a.service/sub\n', 'x@a.service'],
    ['0::/user.slice/user-0.slice/user@0.service/app.slice/own.service\n', 'own.service'],
    ['12:pids:/system.slice/a.service\n1:name=systemd:/system.slice/a.service\n0::/\n', 'a.service'],
    ['2:cpu:/\n1:name=systemd:/\n0::/system.slice/a.service\n', 'a.service'],
    ['0::/user.slice/user-0.slice/session-3.scope\n', undefined],
    ['0::/\n', undefined],
    ['', undefined],
  ])('%j: %s', (cgroups, expected) => {
    expect(innermostService(parseUnits(cgroups))).toBe(expected);
  });
});

describe('unitsWaitedFor', () => {
  it.each<[string, string[]]>([
    ['systemctl start my-setup', ['my-setup.service']],
    ['/usr/bin/systemctl --quiet restart a.service b.target', ['a.service', 'b.target']],
    ['/bin/systemctl try-reload-or-restart x@1', ['x@1.service']],
    ['systemctl enable --now a', ['a.service']],
    ['systemctl start --no-block a', []],
    ['systemctl --no-block restart a', []],
    ['systemctl status a', []],
    ['systemctl is-active a', []],
    ['systemctl daemon-reload', []],
    ['service a start', []],
    ['sh -c systemctl', []],
    ['', []],
  ])('%s', (line, expected) => {
    expect(unitsWaitedFor(line.split(' '))).toEqual(expected);
  });
});

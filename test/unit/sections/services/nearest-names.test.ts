import { describe, expect, test } from 'vitest';
import { nearestNames } from '../../../../src/sections/services/nearest-names.ts';

describe('nearestNames', () => {
  const names = ['nginx', 'nginx-debug', 'ssh', 'sshd', 'cron', 'getty@', 'serial-getty@', 'postgresql', 'tick.timer'];
  test.each([
    ['ngnix', ['nginx']],
    ['ngnix.service', ['nginx']],
    ['/etc/init.d/ngnix', ['nginx']],
    ['NGINX', ['nginx']],
    ['shs', ['ssh']],
    ['sshx', ['ssh', 'sshd']],
    ['crond', ['cron']],
    ['postgres', ['postgresql']],
    ['gety@tty1', ['getty@tty1']],
    ['getty', []],
    ['tik.timer', ['tick.timer']],
    ['httpd', []],
    ['', []],
  ])('%s: %o', (wanted, near) => {
    expect(nearestNames(wanted, names)).toEqual(near);
  });

  test('are three at most, the nearest first', () => {
    expect(nearestNames('worker0', ['worker11', 'worker3', 'worker2', 'worker1', 'worker'])).toEqual([
      'worker',
      'worker1',
      'worker2',
    ]);
  });
});

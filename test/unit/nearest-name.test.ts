import { describe, expect, test } from 'vitest';
import { editDistance, nearestServices } from '../../src/nearest-name.ts';

describe('editDistance', () => {
  test.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['nginx', 'nginx', 0],
    ['ngnix', 'nginx', 1],
    ['ngin', 'nginx', 1],
    ['ngginx', 'nginx', 1],
    ['mginx', 'nginx', 1],
    ['kitten', 'sitting', 3],
  ])('%s, %s: %i', (a, b, edits) => {
    expect(editDistance(a, b)).toBe(edits);
    expect(editDistance(b, a)).toBe(edits);
  });
});

describe('nearestServices', () => {
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
    expect(nearestServices(wanted, names)).toEqual(near);
  });

  test('are three at most, the nearest first', () => {
    expect(nearestServices('worker0', ['worker11', 'worker3', 'worker2', 'worker1', 'worker'])).toEqual([
      'worker',
      'worker1',
      'worker2',
    ]);
  });
});

import { expect, it } from 'vitest';
import { createLog } from '../../../src/logging/log.ts';
import { Redactor } from '../../../src/redact.ts';
import { logPrinted, type Printed } from '../../../src/sections/printed.ts';

function printing(redactor = new Redactor()): { printed: Printed; logged: string[]; count: () => number } {
  const logged: string[] = [];
  let count = 0;
  const log = createLog(redactor, [{ write: (_, text) => void logged.push(text) }]);
  const onPrinted = (): void => {
    count += 1;
  };
  return { printed: logPrinted('01_x', { log, onPrinted }), logged, count: () => count };
}

it('logs lines as they come, under the name, and tells that it did', () => {
  const { printed, logged, count } = printing();
  printed.onLines(['one', 'two'], 0);
  printed.onLines(['', ' '], 0);
  printed.onLines(['three'], 1);
  printed.end('one\ntwo\nthree\n');
  expect(logged).toEqual(['01_x: one\ntwo', '01_x: three']);
  expect(count()).toBe(2);
});

it('leaves out a private key that comes line by line, and nothing of the other stream', () => {
  const { printed, logged } = printing();
  for (const line of ['before', '-----BEGIN RSA PRIVATE KEY-----', 'MIIEowIBAAKCAQEA']) printed.onLines([line], 0);
  printed.onLines(['an error'], 1);
  printed.onLines(['c2VjcmV0', '-----END RSA PRIVATE KEY-----', 'after'], 0);
  const text = logged.join('\n');
  expect(text).not.toMatch(/MIIE|c2Vj/);
  for (const shown of ['before', 'an error', 'after', 'BEGIN RSA']) expect(text).toContain(shown);
});

it('hides secrets, and shows what a terminal would not stand', () => {
  const redactor = new Redactor();
  redactor.addSecret('hunter22-and-more');
  const { printed, logged } = printing(redactor);
  printed.onLines(['a hunter22-and-more', 'b hunter\x1b[1m22-and-more', '\x1b[31mred\x1b[0m \x1b]0;title\x07'], 0);
  printed.onLines(['10%\r50%\r100%', 'x.sh: 2: foo\r: not found', 'z'.repeat(20_000)], 0);
  const lines = logged.join('\n').split('\n');
  expect(lines.slice(0, 5)).toEqual([
    '01_x: a [redacted]',
    'b [redacted]',
    'red ',
    '01_x: 100%',
    'x.sh: 2: foo\\r: not found',
  ]);
  expect(lines[5]).toMatch(/^z{4000}\.\.\.$/);
});

it('has a bound; of what goes beyond it the end is logged', () => {
  const { printed, logged } = printing();
  let isHeard = true;
  for (let n = 0; isHeard && n < 3000; n++) isHeard = printed.onLines(['y'.repeat(999)], 0);
  printed.end(`${'y'.repeat(50_000)}\nthe last words\n`);
  const text = logged.join('\n');
  expect(isHeard).toBe(false);
  expect(text.length).toBeLessThan(1.2 * 1024 * 1024);
  expect(text).toMatch(/01_x prints very much[\s\S]*01_x printed last[\s\S]*the last words$/);
});

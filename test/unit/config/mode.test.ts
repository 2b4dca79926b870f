import { describe, expect, it } from 'vitest';
import { parseMode } from '../../../src/config/values.ts';

const ERROR = 'error';

/** The bits, `symlink` or `error`. */
function read(value: unknown): number | string {
  const result = parseMode(value);
  if (!('mode' in result)) return ERROR;
  return result.mode.kind === 'file' ? result.mode.bits : result.mode.kind;
}

describe('text is octal', () => {
  it.each<[text: string, expected: number | string]>([
    ['0644', 0o644],
    ['644', 0o644],
    ['000644', 0o644],
    ['100644', 0o644],
    ['0100755', 0o755],
    [' 0600 ', 0o600],
    ['\t755\n', 0o755],
    ['0o755', 0o755],
    ['0O640', 0o640],
    ['4755', 0o4755],
    ['01777', 0o1777],
    ['0256', 0o256],
    ['000420', 0o420],
    ['0o420', 0o420],
    ['01440', 0o1440],
    ['0654', 0o654],
    ['0', 0],
    ['000000', 0],
    ['120777', 'symlink'],
    ['120644', 'symlink'],
    ['0120000', 'symlink'],
    ['', ERROR],
    ['  ', ERROR],
    ['0o', ERROR],
    ['888', ERROR],
    ['0x1ff', ERROR],
    ['-644', ERROR],
    ['6 44', ERROR],
    ['644.0', ERROR],
    ['u=rw,go=r', ERROR],
    ['rw-r--r--', ERROR],
    ['040755', ERROR],
    ['060644', ERROR],
    ['140644', ERROR],
    ['1000644', ERROR],
    ['1120777', ERROR],
    ['77777777', ERROR],
  ])('%j', (text, expected) => {
    expect(read(text)).toBe(expected);
  });
});

describe('text without a leading 0 is whichever reading is a usual mode', () => {
  it.each<[text: string, expected: number | string]>([
    ['256', 0o400],
    ['288', 0o440],
    ['292', 0o444],
    ['320', 0o500],
    ['365', 0o555],
    ['384', 0o600],
    [' 416\n', 0o640],
    ['420', 0o644],
    ['432', 0o660],
    ['448', 0o700],
    ['488', 0o750],
    ['493', 0o755],
    ['511', 0o777],
    ['2541', 0o4755],
    ['33188', 0o644],
    ['33261', 0o755],
    ['41471', 'symlink'],
    ['400', 0o400],
    ['600', 0o600],
    ['640', 0o640],
    ['1644', 0o1644],
    ['1777', 0o1777],
    ['2770', 0o2770],
    ['100600', 0o600],
    // Neither is usual: octal, as long as nobody may do more than the owner.
    ['200', 0o200],
    ['544', 0o544],
    ['604', 0o604],
    ['620', 0o620],
    ['100544', 0o544],
    // Both are usual, or neither is likely.
    ['1440', ERROR],
    ['1444', ERROR],
    ['123', ERROR],
    ['257', ERROR],
    ['352', ERROR],
    ['654', ERROR],
    ['1', ERROR],
    ['9', ERROR],
    ['999', ERROR],
    ['33000', ERROR],
    ['1e3', ERROR],
    ['+644', ERROR],
    ['420.0', ERROR],
  ])('%j', (text, expected) => {
    expect(read(text)).toBe(expected);
  });

  it.each(['1440', '352', '999'])('asks for a leading 0: %s', (text) => {
    expect(parseMode(text)).toEqual({
      what: expect.stringContaining(JSON.stringify(text)),
      hint: expect.stringMatching(/leading 0/),
    });
  });
});

describe('an integer is whichever reading is a usual mode', () => {
  it.each<[value: number, expected: number | string]>([
    [256, 0o400],
    [644, 0o644],
    [420, 0o644],
    [511, 0o777],
    [320, 0o500],
    [493, 0o755],
    [384, 0o600],
    [400, 0o400],
    [600, 0o600],
    [755, 0o755],
    [1777, 0o1777],
    [4755, 0o4755],
    [2541, 0o4755],
    [1023, 0o1777],
    [100644, 0o644],
    [33188, 0o644],
    [120644, 'symlink'],
    [120777, 'symlink'],
    [41471, 'symlink'],
    [123, ERROR],
    [0, ERROR],
    [1, ERROR],
    [9, ERROR],
    [999, ERROR],
    [1440, ERROR],
    [1444, ERROR],
    [303524, ERROR],
    [4295008676, ERROR],
    [1e21, ERROR],
    [-420, ERROR],
    [420.5, ERROR],
    [Number.NaN, ERROR],
    [Number.POSITIVE_INFINITY, ERROR],
  ])('%d', (value, expected) => {
    expect(read(value)).toBe(expected);
  });

  it.each([123, 1440])('asks for text: %d', (value) => {
    expect(parseMode(value)).toEqual({
      what: expect.stringContaining(String(value)),
      hint: expect.stringMatching(/text/),
    });
  });
});

it.each([[null], [undefined], [true], [{}], [{ mode: '0644' }], [[420]], [['0644']]])('refuses %j', (value) => {
  expect(read(value)).toBe(ERROR);
});

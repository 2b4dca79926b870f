import { describe, expect, test } from 'vitest';
import { editDistance } from '../../src/edit-distance.ts';

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

import { describe, expect, it } from 'vitest';
import { resourceFilePart, resourceNameFault } from '../../src/resource-name.ts';

describe('the name of a resource', () => {
  it.each(['server', 'my server', 'a.b', 'Größe', '$(x)', '..', '-', '*', 'x'.repeat(255), '😀'.repeat(255)])(
    'can be anything without a slash: %j',
    (name) => {
      expect(resourceNameFault(name)).toBeUndefined();
    },
  );

  it.each([
    ['', 'it is empty'],
    ['a/b', 'it has a slash in it'],
    ['x'.repeat(256), 'it has more than 255 characters'],
  ])('%j: %s', (name, fault) => {
    expect(resourceNameFault(name)).toBe(fault);
  });
});

describe('as a part of a file name', () => {
  it.each([
    ['server', 'server'],
    ['A-1_b.c', 'A-1_b.c'],
    ['my server', 'my%20server'],
    ['50%', '50%25'],
    ['~a!', '%7Ea%21'],
    ['Größe', 'Gr%C3%B6%C3%9Fe'],
    ['x'.repeat(200), 'x'.repeat(200)],
  ])('%j: %s', (name, part) => {
    expect(resourceFilePart(name)).toBe(part);
  });

  it.each(['x'.repeat(201), '😀'.repeat(255)])('a long one is cut, and told apart by a digest: %j', (name) => {
    const [part, other] = [resourceFilePart(name), resourceFilePart(`${name.slice(0, -2)}yy`)];
    expect(part).toMatch(/^.{150}-[0-9a-f]{16}$/);
    expect(other.slice(0, 151)).toBe(part.slice(0, 151));
    expect(other).not.toBe(part);
  });
});

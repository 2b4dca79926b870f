import { describe, expect, it } from 'vitest';
import { linkedPath, walkLinks } from '../../../../src/system/files/path.ts';

/** Walks along a path where these links are. @returns the places on the way, and how the walk ended */
function walk(path: string, links: Readonly<Record<string, string>>, top: 'stays' | 'ends' = 'stays'): string[] {
  const places: string[] = [];
  const steps = walkLinks(path, top);
  for (let step = steps.next(); ; step = steps.next(links[places.at(-1) ?? ''])) {
    if (step.done === true) return [...places, step.value];
    places.push(step.value.path);
  }
}

describe('walkLinks', () => {
  it.each<[path: string, links: Record<string, string>, places: string[]]>([
    ['/', {}, ['end']],
    ['//a/./b/', {}, ['/a', '/a/b', 'end']],
    ['/a/../b', {}, ['/a', '/b', 'end']],
    ['/a/b', { '/a': 'c' }, ['/a', '/c', '/c/b', 'end']],
    ['/a/b', { '/a': '/c/d' }, ['/a', '/c', '/c/d', '/c/d/b', 'end']],
    ['/a/b', { '/a/b': '../c' }, ['/a', '/a/b', '/c', 'end']],
    ['/../a', {}, ['/a', 'end']],
  ])('%s with %j', (path, links, places) => {
    expect(walk(path, links)).toEqual(places);
  });

  it('ends where .. leads out of the root, if that is asked for', () => {
    expect(walk('a/../../b', {}, 'ends')).toEqual(['/a', 'out']);
    expect(walk('a', { '/a': '../b' }, 'ends')).toEqual(['/a', 'out']);
  });

  it('ends after as many links as the kernel follows', () => {
    const places = walk('/a', { '/a': 'a' });
    expect(places).toHaveLength(42);
    expect(places.at(-1)).toBe('circle');
  });
});

it.each([
  ['/a/b', 'c', '/a/c'],
  ['/a/b', '../c', '/a/../c'],
  ['/a/b', '/c', '/c'],
])('a link %s to %s leads to %s', (link, target, path) => {
  expect(linkedPath(link, target)).toBe(path);
});

import { existsSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { project } from '../../support/binary.ts';

const read = (path: string): string => readFileSync(join(project, path), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

/** Paths below these are files of the project; what is in dist/ and .build/ is made. */
const FILE =
  /^(?:\.\/)?(?:(?:src|test|docs|examples|scripts|packaging|image-build)\/[^\s:#]+|\w[\w.-]*\.(?:md|ts|json))$/;
/** A part of a path that stands for others, as in NAME.ts, *.deb. */
const PLACE_HOLDER = /(?:^|[/.-])[A-Z]{2,}(?:[/.-]|$)|[*<>{}]|\.\.\./;
/** These have their names in capitals. */
const CAPITALS = /^(?:README|CONTRIBUTING|CHANGELOG|SECURITY)\.md$/;

interface Named {
  /** Relative to the project. */
  readonly files: readonly string[];
  /** As in `npm run NAME`. */
  readonly npmScripts: readonly string[];
}

/** What a document names in its code and its links. */
function namedIn(path: string): Named {
  const text = read(path);
  const code = [...text.matchAll(/^```.*\n([\s\S]*?)^```|`([^`\n]+)`/gm)].map(
    ([, fenced, span]) => fenced ?? span ?? '',
  );
  const words = code
    .flatMap((part) => part.split('\n').map((line) => line.replace(/\s# .*$/, '')))
    .join(' ')
    .split(/[\s()'"]+/);
  const links = [...text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => normalize(join(path, '..', target)));
  const files = words
    .map((word) => word.replace(/[,;.]$/, ''))
    .filter((word) => FILE.test(word) && (CAPITALS.test(word) || !PLACE_HOLDER.test(word)));
  return {
    files: [...new Set([...files, ...links])],
    npmScripts: code.flatMap((part) => [...part.matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name)),
  };
}

describe.each(['CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'docs/dev/releasing.md'])('%s', (path) => {
  const named = namedIn(path);

  test('names files that exist', () => {
    expect(named.files.filter((file) => !existsSync(join(project, file)))).toEqual([]);
  });

  test('names scripts that package.json has', () => {
    expect(named.npmScripts.filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

test('files are found in commands, code and links', () => {
  const { files, npmScripts } = namedIn('CONTRIBUTING.md');
  expect(files).toEqual(
    expect.arrayContaining([
      './scripts/build',
      'test/unit/names.test.ts',
      'src/commands/index.ts',
      'docs/dev/design.md',
      'SECURITY.md',
    ]),
  );
  expect(npmScripts).toEqual(expect.arrayContaining(['lint', 'format', 'typecheck']));
});

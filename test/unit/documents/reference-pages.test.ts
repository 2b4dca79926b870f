import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sectionsOf } from '../../../scripts/lib/man-markdown.ts';
import { readManPages } from '../../../scripts/lib/man-source.ts';
import { referencePages } from '../../../scripts/lib/reference-pages.ts';

const project = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(project, path), 'utf8');

describe('what "npm run docs" makes is what is there', () => {
  const pages = readManPages();

  test.each(pages.map(({ file, text }) => ({ file, text })))('packaging/man/$file', ({ file, text }) => {
    expect(read(`packaging/man/${file}`)).toBe(text);
  });

  test.each([...referencePages(pages)])('%s', (path, text) => {
    expect(read(path)).toBe(text);
  });
});

describe('a man page as Markdown', () => {
  const markdown = (text: string): string =>
    sectionsOf({ file: 'a.1', name: 'a', section: '1', text: `.TH A 1\n.SH TEXT\n${text}` }, 3)
      .map((section) => section.markdown)
      .join('');

  test.each([
    ['plain text\nin two lines', 'plain text in two lines'],
    ['one\n.PP\ntwo', 'one\n\ntwo'],
    ['.B cfn\\-init\nruns', '`cfn-init` runs'],
    ['.BR cfn\\-metadata (5),', '[cfn-metadata(5)](metadata.md),'],
    ['.BR flock (1)', 'flock(1)'],
    ['.BR \\-\\-stack ", " \\-\\-resource', '`--stack`, `--resource`'],
    ['.RI { name ": {...}}."', '`{name: {...}}`.'],
    ['.I name\nin\n.I /etc/passwd', '*name* in `/etc/passwd`'],
    ['\\(lqa\\(rq is not \\(aqa\\(aq', '"a" is not \'a\''],
    ['a * b <c> _d e_f', 'a \\* b \\<c> \\_d e_f'],
    ['.TP\n.B one\nFirst.\n.TP\n.B two\nSecond.\n.PP\nAfter.', '- `one`: First.\n- `two`: Second.\n\nAfter.'],
    ['.TP\n.B one\nFirst.\n.IP\nMore.', '- `one`: First.\n\n  More.'],
    [
      '.TP\n.B one\nOf:\n.RS\n.TP\n.I x.y\nInner.\n.PP\nAfter.\n.RE\n.TP\n.B two\nSecond.',
      '- `one`: Of:\n  - `x.y`: Inner.\n\n  After.\n\n- `two`: Second.',
    ],
    ['.RS\n.EX\n{"a": "b\\en"}\n.EE\n.RE', '```json\n{"a": "b\\n"}\n```'],
    ['.SS Below\ntext', '### Below\n\ntext'],
    ['.\\" a comment\ntext', 'text'],
  ])('%j is %j', (text, expected) => {
    expect(markdown(text)).toBe(expected);
  });

  test.each(['- of it', '1. it', '# it', '+ it'])('a line never begins with %j, wherever it falls', (words) => {
    for (let before = 90; before < 125; before++) {
      const lines = markdown(`${'x'.repeat(before)} ${words}`).split('\n');
      expect(lines.join(' ')).toBe(`${'x'.repeat(before)} ${words}`);
      expect(lines.filter((line) => /^(?:[-+#]|\d\.)/.test(line))).toEqual([]);
    }
  });

  test('an unknown macro is an error that names the page', () => {
    expect(() => markdown('.XY text')).toThrow('packaging/man/a.1: no Markdown for .XY');
  });
});

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Redactor } from '../../../src/redact.ts';

const source = join(import.meta.dirname, '../../../src');

/** The texts of a source file in their order, with something in the place of what varies. */
function textsIn(code: string, filling: string): string[] {
  const plain = code.replace(/\/\*[\s\S]*?\*\/|(?:^|\s)\/\/ .*/g, '');
  return [...plain.matchAll(/'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\\n]|\\.)*)`/g)].map(([, single, template = '']) =>
    (single ?? template).replace(/\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}/g, filling).replaceAll("\\'", "'"),
  );
}

/** What is sent, or recognised, and not said. */
const NOT_SAID = /^(?:secrets|signing|sections\/packages\/managers\/pip-requirements)/;
const files = globSync('**/*.ts', { cwd: source }).filter((file) => !NOT_SAID.test(file));
const sentences = (filling: string): string[] =>
  files.flatMap((file) => {
    const texts = textsIn(readFileSync(join(source, file), 'utf8'), filling);
    // A problem and what may be done are joined.
    const said = texts.filter((text) => /[a-z] [a-z]/.test(text));
    return [...said, ...said.map((text, index) => `${text}: ${said[index + 1] ?? ''}`)];
  });

describe('what we say ourselves is said whole', () => {
  it.each(['access', '/etc/x'])('with %s in the place of what varies', (filling) => {
    const redactor = new Redactor();
    const said = sentences(filling);
    expect(said.length).toBeGreaterThan(2000);
    expect(said.filter((text) => redactor.redact(text) !== text)).toEqual([]);
  });

  it('also where a secret is a word of ours', () => {
    const redactor = new Redactor();
    for (const secret of ['password', 'secret', 'changed', 'commands', 'default', 'failed', 'config'])
      redactor.addSecret(secret);
    const text = 'commands  changed  01_install; 1 failed: wrong password in config: no secret by default';
    expect(redactor.redact(text)).toBe(text);
  });
});

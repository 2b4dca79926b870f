import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { project } from '../../support/binary.ts';

const read = (path: string): string => readFileSync(join(project, path), 'utf8');
const { version } = JSON.parse(read('package.json')) as { version: string };

interface Release {
  readonly title: string;
  /** What was added, changed and so on, with its entries. */
  readonly kinds: readonly { readonly name: string; readonly entries: readonly string[] }[];
}

/** The releases of a changelog in the form of Keep a Changelog, newest first. */
function parse(text: string): Release[] {
  return sectionsOf(text, '## ').map(({ title, body }) => ({
    title,
    kinds: sectionsOf(body, '### ').map((kind) => ({ name: kind.title, entries: entriesOf(kind.body) })),
  }));
}

function sectionsOf(text: string, mark: string): { title: string; body: string }[] {
  const [, ...sections] = `\n${text}`.split(`\n${mark}`);
  return sections.map((section) => {
    const [title = '', ...lines] = section.split('\n');
    return { title, body: lines.join('\n') };
  });
}

/** Entries begin with `- `; lines that go on are indented. */
function entriesOf(body: string): string[] {
  return body
    .trim()
    .replace(/\n {2}/g, ' ')
    .split('\n');
}

const KINDS = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];
const RELEASE = /^\[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$/;
const changelog = read('CHANGELOG.md');
const [unreleased, ...released] = parse(changelog);
const numbers = released.map(({ title }) => RELEASE.exec(title)?.[1] ?? title);
const dates = released.map(({ title }) => RELEASE.exec(title)?.[2] ?? title);

describe('CHANGELOG.md', () => {
  test('begins with what is not released yet', () => {
    expect(changelog.startsWith('# Changelog\n')).toBe(true);
    expect(unreleased?.title).toBe('[Unreleased]');
  });

  test('has the version of package.json as its newest release', () => {
    expect(numbers[0]).toBe(version);
  });

  test('has releases with a version and a real date, newest first', () => {
    for (const { title } of released) expect(title).toMatch(RELEASE);
    for (const date of dates) expect(new Date(date).toISOString().slice(0, 10)).toBe(date);
    expect(dates).toEqual([...dates].sort().reverse());
    const byNumber = [...numbers].sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
    expect(numbers).toEqual(byNumber);
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  test.each(parse(changelog))('has entries of known kinds under $title, each once', ({ kinds }) => {
    const names = kinds.map(({ name }) => name);
    expect(names).toEqual(KINDS.filter((name) => names.includes(name)));
    for (const { name, entries } of kinds) {
      expect(entries.length, name).toBeGreaterThan(0);
      for (const entry of entries) expect(entry).toMatch(/^- \S.*[.:]$/);
      expect(new Set(entries).size).toBe(entries.length);
    }
  });
});

describe('the changelogs of the packages begin with the same release', () => {
  test('deb', () => {
    const [, number, date] =
      /^cfntools \(([^)]*)\)[\s\S]*? <[^>]*> {2}(.*)$/m.exec(read('packaging/deb/changelog')) ?? [];
    expect(number).toBe(version);
    expect(new Date(date ?? '').toISOString().slice(0, 10)).toBe(dates[0]);
  });

  test('rpm', () => {
    const [, date, number] =
      /^%changelog\n\* \w{3} (\w{3} \d{2} \d{4}) .* - (\S*)-1$/m.exec(read('packaging/rpm/cfntools.spec.in')) ?? [];
    expect(number).toBe(version);
    expect(new Date(`${date} UTC`).toISOString().slice(0, 10)).toBe(dates[0]);
  });
});

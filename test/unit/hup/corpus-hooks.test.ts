import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { isRecord } from '../../../src/config/record.ts';
import { decodeHooks } from '../../../src/hup/hooks.ts';
import { decodeSettings } from '../../../src/hup/settings.ts';
import { merged } from './configuration.ts';

/** Metadata of published templates. It lies beside the project and may be absent. */
const directory = new URL('../../../../shared/corpus/cases/', import.meta.url);
const isThere = existsSync(directory);

/** cfn-hup's files that the metadata puts in place, by path. */
function hupFilesIn(value: unknown): Record<string, string> {
  if (Array.isArray(value)) return Object.assign({}, ...value.map(hupFilesIn));
  if (!isRecord(value)) return {};
  return Object.entries(value).reduce<Record<string, string>>((found, [name, inner]) => {
    const content = isRecord(inner) ? inner['content'] : undefined;
    return /cfn[/\\](?:cfn-hup\.conf|hooks)/.test(name) && typeof content === 'string'
      ? Object.assign(found, { [name]: content })
      : Object.assign(found, hupFilesIn(inner));
  }, {});
}

const cases = (isThere ? readdirSync(directory) : [])
  .filter((name) => name.endsWith('.json'))
  .map((name) => ({ name, files: hupFilesIn(JSON.parse(readFileSync(new URL(name, directory), 'utf8'))) }))
  .filter(({ files }) => Object.keys(files).length > 0);

describe('the hooks of published templates', () => {
  beforeEach((ctx) => {
    if (!isThere) ctx.skip('the corpus does not lie beside the project');
  });

  it('are there', () => {
    expect(cases.length).toBeGreaterThan(30);
  });

  it.each(cases)('$name', ({ files }) => {
    const { sections, remarks } = merged(files);
    const hookSections = [...sections.keys()].filter((section) => section !== 'main');
    expect(decodeHooks(sections, remarks).map(({ name }) => name)).toEqual(hookSections);
    if (Object.keys(files).some((path) => path.endsWith('cfn-hup.conf'))) {
      expect(decodeSettings(sections, 'cfn-hup.conf', remarks)?.stack).toMatch(/stack/);
    }
    expect(remarks.problems).toEqual([]);
    expect(remarks.warnings).toEqual([]);
  });
});

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { hookFindings } from '../../../src/hup/hook-findings.ts';
import { decodeHooks } from '../../../src/hup/hooks.ts';
import { decodeSettings } from '../../../src/hup/settings.ts';
import { isRecord } from '../../../src/json.ts';
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
  .map((name) => ({ name, value: JSON.parse(readFileSync(new URL(name, directory), 'utf8')) as unknown }))
  .map(({ name, value }) => ({ name, value, files: hupFilesIn(value) }))
  .filter(({ files }) => Object.keys(files).length > 0);

/** What is wrong in those that cannot work; all the others are fine. */
const FINDINGS: Readonly<Record<string, readonly string[]>> = {
  'aws-quickstart+quickstart-trendmicro-deepsecurity__templates.marketplace.dsm-mp.template.yaml__DSM.json': [
    'runas= is on the line of action: start a new line before runas=',
    'the path follows DSM, and the action applies DSM1: an update of DSM1 alone does not run the action: name the same resource in both',
  ],
  'plus3it+terraform-aws-watchmaker__modules.lx-autoscale.watchmaker-lx-autoscale.template.cfn.yaml__WatchmakerLaunchTemplate.json':
    [
      'the path follows WatchmakerInstance, and the action applies WatchmakerLaunchTemplate: an update of WatchmakerLaunchTemplate alone does not run the action: name the same resource in both',
    ],
};

describe('the hooks of published templates', () => {
  beforeEach((ctx) => {
    if (!isThere) ctx.skip('the corpus does not lie beside the project');
  });

  it('are there', () => {
    expect(cases.length).toBeGreaterThan(30);
  });

  it.each(cases)('$name', ({ name, files, value }) => {
    const { sections, remarks } = merged(files);
    const hookSections = [...sections.keys()].filter((section) => section !== 'main');
    expect(decodeHooks(sections, remarks).map(({ name }) => name)).toEqual(hookSections);
    if (Object.keys(files).some((path) => path.endsWith('cfn-hup.conf'))) {
      expect(decodeSettings(sections, 'cfn-hup.conf', remarks)?.stack).toMatch(/stack/);
    }
    expect(remarks.problems).toEqual([]);
    expect(remarks.warnings).toEqual([]);
    const texts = new Map(Object.entries(files));
    const { problems, warnings } = hookFindings(
      { sections, settings: decodeSettings(sections, 'cfn-hup.conf', remarks) },
      { texts, metadataOf: (_, isOwn) => (isOwn ? value : undefined) },
    );
    const said = [...problems, ...warnings].map((line) => line.replace(/^.*?\]: /, ''));
    expect(said).toEqual(FINDINGS[name] ?? []);
  });
});

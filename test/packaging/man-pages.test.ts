import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Option, optionsOf } from '../../scripts/lib/option-table.ts';
import { commands } from '../../src/commands/index.ts';
import { decodeMetadata } from '../../src/config/decode.ts';
import { configSchema, unknownKeys } from '../../src/config/schema.ts';
import { ExitCode } from '../../src/errors.ts';
import { mergeConfigFiles, type Remarks } from '../../src/hup/config-sections.ts';
import { decodeHooks, HOOK_KEYS, TRIGGERS } from '../../src/hup/hooks.ts';
import { decodeSettings, MAIN_KEYS } from '../../src/hup/settings.ts';
import { parsePythonIni } from '../../src/python-ini.ts';
import { SETTINGS } from '../../src/settings.ts';
import { project } from '../support/binary.ts';
import { run } from '../support/process.ts';
import { isInstalled } from '../support/use-machine.ts';

const BLOCK_KEYS = ['type', 'username', 'password', 'accessKeyId', 'secretKey', 'roleName', 'uris', 'buckets'];
const BOTO_KEYS = [
  ...['is_secure', 'https_validate_certificates', 'cfn_region_name', 'cfn_region_endpoint', 'ca_certificates_file'],
  ...['http_socket_timeout', 'num_retries', 'max_retry_delay', 'proxy', 'proxy_port', 'proxy_user', 'proxy_pass'],
];

const names = readdirSync(join(project, 'packaging/man')).sort();
let directory = '';
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cfntools-test-'));
  const { code, stderr } = await run([process.execPath, join(project, 'scripts/lib/man-pages.ts'), directory]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const pathOf = (page: string): string => join(directory, `man${page.slice(-1)}`, page);
const source = (page: string): string => readFileSync(pathOf(page), 'utf8').replaceAll('\\-', '-');
const pageOf = (command: string): string => names.find((name) => /^[18]$/.test(name.slice(command.length + 1))) ?? '';

/** As a reader has it, in lines that need no breaks. */
async function rendered(page: string): Promise<string> {
  const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', MANWIDTH: '500' };
  const { stdout } = await run(['man', '-P', 'cat', '-l', pathOf(page)], { env });
  return stdout;
}

/** What a page describes in the paragraphs of a section: the words at the edge, in order. */
function described(page: string, section: string): string[] {
  const text =
    source(page)
      .split(/^\.SH /m)
      .find((part) => part.startsWith(`${section}\n`)) ?? '';
  return [...text.matchAll(/^\.TP\n\.(?:B|BR) (.+)$/gm)].flatMap(([, words = '']) => words.split(/ ", " /));
}

/** The examples of a page, as they can be copied from it. */
const examples = (page: string): string[] =>
  [...source(page).matchAll(/^\.EX\n([\s\S]*?)^\.EE$/gm)].map(([, text = '']) => text.replaceAll('\\e', '\\'));

describe('each page', () => {
  const kinds = ['as it is installed', 'as its source is'] as const;
  const linters: readonly (readonly [string, ...string[]])[] = [
    ['man', '--warnings=all', '-l'],
    ['groff', '-man', '-ww', '-z'],
    ['mandoc', '-T', 'lint', '-W', 'warning'],
  ];
  describe.each(linters.map(([program, ...options]) => ({ program, options })))('$program', ({ program, options }) => {
    beforeEach((context) => {
      if (!isInstalled(program)) context.skip(`needs ${program}`);
    });

    const both = names.flatMap((page) => kinds.map((kind) => ({ page, kind })));
    test.each(both)('has nothing to say against $page, $kind', async ({ page, kind }) => {
      const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8' };
      const path = kind === 'as it is installed' ? pathOf(page) : join(project, 'packaging/man', page);
      const { code, stdout, stderr } = await run([program, ...options, path], { env });
      expect({ code, stderr, lint: program === 'mandoc' ? stdout : '' }).toEqual({ code: 0, stderr: '', lint: '' });
    });
  });

  test.each(names)('%s is dated by SOURCE_DATE_EPOCH, and has no gaps', async (page) => {
    const place = mkdtempSync(join(directory, 'dated-'));
    const env = { PATH: process.env['PATH'] ?? '', SOURCE_DATE_EPOCH: '1700000000' };
    await run([process.execPath, join(project, 'scripts/lib/man-pages.ts'), place], { env });
    const text = readFileSync(join(place, `man${page.slice(-1)}`, page), 'utf8');
    expect(text.split('\n')[0]).toMatch(/^\.TH \S+ [158] 2023-11-14 "cfntools [\d.]+" "cfntools"$/);
    expect(text).not.toMatch(/^\.\\"|undefined/m);
    const lines = text.split('\n').slice(1);
    const sourced = readFileSync(join(project, 'packaging/man', page), 'utf8')
      .split('\n')
      .slice(1);
    expect(sourced.filter((line) => !line.startsWith('.\\"'))).toEqual(lines);
  });

  test.each(names)('%s refers to pages that are there', (page) => {
    const ours = [...source(page).matchAll(/^\.BR ((?:cfn|cfntools)\S*) \(([158])\)/gm)];
    for (const [, name = '', section = ''] of ours) expect(names).toContain(`${name}.${section}`);
  });
});

describe('commands', () => {
  beforeEach((context) => {
    if (!isInstalled('man')) context.skip('needs man-db');
  });
  const shown = ({ short, long, value }: Option): string =>
    `${short === undefined ? '' : `${short}, `}${long}${value === undefined ? '' : ` ${value}`}`;

  test.each(commands.map((command) => ({ name: command.name, command })))(
    '$name has a page',
    async ({ name, command }) => {
      expect(names.filter((page) => [`${name}.1`, `${name}.8`].includes(page))).toHaveLength(1);
      const lines = (await rendered(pageOf(name))).split('\n').map((line) => line.trim());
      expect(lines[lines.indexOf('NAME') + 1]).toMatch(new RegExp(`^${name} - \\S`));
      if (command.takesAnything === true) return;
      for (const option of optionsOf(command)) {
        // A short one has its description in the same line.
        const isShown = (line: string): boolean => line === shown(option) || line.startsWith(`${shown(option)}  `);
        expect(lines.filter(isShown)).toHaveLength(1);
        expect(lines[lines.indexOf('SYNOPSIS') + 1]).toContain(`[${option.short ?? option.long}`);
      }
    },
  );
});

/** What cfn-hup makes of a configuration in one file. */
function decodeHup(text: string) {
  const remarks: Remarks = { problems: [], warnings: [] };
  const ini = parsePythonIni(text);
  const sections = mergeConfigFiles([{ path: '/etc/cfn/cfn-hup.conf', ini }], remarks);
  const settings = decodeSettings(sections, '/etc/cfn/cfn-hup.conf', remarks);
  return {
    settings,
    hooks: decodeHooks(sections, remarks),
    remarks: [...ini.faults, ...Object.values(remarks).flat()],
  };
}

describe('cfn-hup.conf(5)', () => {
  const page = 'cfn-hup.conf.5';
  test('there are keys to look for', () => {
    expect(MAIN_KEYS).toContain('stack');
    expect(HOOK_KEYS).toContain('triggers');
    expect(SETTINGS).toEqual(expect.arrayContaining(['compat', 'follow', 'signature']));
  });

  test('has every key of [main], of a hook and of cfntools.conf, and no other', () => {
    expect(described(page, 'SECTION [main]').sort()).toEqual([...MAIN_KEYS].sort());
    expect(described(page, 'HOOKS').sort()).toEqual([...HOOK_KEYS].sort());
    expect(described(page, 'CFNTOOLS.CONF').sort()).toEqual([...SETTINGS].sort());
  });

  test('names every trigger, and cfn-hup(8) describes it', () => {
    for (const trigger of TRIGGERS) expect(source(page)).toContain(trigger);
    expect(described('cfn-hup.8', 'TRIGGERS')).toEqual(TRIGGERS);
  });
});

test('the examples of cfn-hup(8) and cfn-hup.conf(5) are configurations without a fault', () => {
  const [main = '', hook = ''] = examples('cfn-hup.8');
  const [both = ''] = examples('cfn-hup.conf.5');
  const decoded = [`${main}${hook}`, both].map(decodeHup);
  expect(decoded.flatMap(({ remarks }) => remarks)).toEqual([]);
  expect(decoded.map(({ hooks }) => hooks.map(({ name }) => name))).toEqual([['reload'], ['update', 'restarted']]);
  expect(decoded.map(({ settings }) => settings?.interval)).toEqual([120_000, 30_000]);
});

describe('cfn-metadata(5)', () => {
  const page = 'cfn-metadata.5';
  const entry = { entry: { nope: 1 } };
  const config = { nope: {}, groups: entry, users: entry, files: entry, commands: entry, services: { systemd: entry } };
  const known = (path: string): string[] =>
    unknownKeys(config).find((found) => found.path.join('/') === path)?.known ?? [];

  test('has a section for each section of a config, in the order in which they are applied', () => {
    const headings = [...source(page).matchAll(/^\.SH ([A-Z]+)$/gm)].map(([, heading = '']) => heading.toLowerCase());
    const order = headings.filter((heading) => known('nope').includes(heading));
    expect([...order].sort()).toEqual([...known('nope')].sort());
    expect(order).toEqual(['packages', 'groups', 'users', 'sources', 'files', 'commands', 'services']);
  });

  test.each([
    ['GROUPS', 'groups/entry/nope'],
    ['USERS', 'users/entry/nope'],
    ['FILES', 'files/entry/nope'],
    ['COMMANDS', 'commands/entry/nope'],
    ['SERVICES', 'services/systemd/entry/nope'],
  ])('%s: every key, and no other', (section, path) => {
    expect(known(path)).not.toEqual([]);
    expect(described(page, section).sort()).toEqual([...known(path)].sort());
  });

  test('PACKAGES: every manager, and no other', () => {
    const { issues } = v.safeParse(configSchema, { packages: { nope: {} } });
    const managers = issues?.[0]?.message.split('known: ')[1]?.split('\n')[0]?.split(', ') ?? [];
    expect(described(page, 'PACKAGES').sort()).toEqual([...managers, 'msi'].sort());
  });

  test('AUTHENTICATION: every key, and no other', () => {
    expect(described(page, 'AWS::CLOUDFORMATION::AUTHENTICATION').sort()).toEqual([...BLOCK_KEYS].sort());
  });

  test('its example is a document without a fault, in all of its sets', () => {
    const [text = ''] = examples(page);
    for (const set of ['default', 'update']) {
      const { configs, findings } = decodeMetadata({ value: JSON.parse(text), text }, [set]);
      expect(findings).toEqual([]);
      expect(configs.map(({ name }) => name)).toEqual(['install', 'start', 'check'].slice(0, set === 'update' ? 3 : 2));
    }
  });
});

describe('docs', () => {
  const docs = (name: string): string => readFileSync(join(project, 'docs/reference', name), 'utf8');

  test('exit-codes.md has every exit code and every command', () => {
    const rows = docs('exit-codes.md')
      .split('\n')
      .filter((line) => line.startsWith('|'));
    for (const code of Object.values(ExitCode)) expect(rows.join('\n')).toMatch(new RegExp(`^\\| ${code} \\|`, 'm'));
    for (const { name } of commands) expect(rows.join('\n')).toContain(`\`${name}\``);
  });

  test('configuration.md has every key', () => {
    const text = docs('configuration.md');
    for (const key of [...MAIN_KEYS, ...HOOK_KEYS, ...SETTINGS, ...BOTO_KEYS]) expect(text).toContain(`\`${key}\``);
  });

  test('configuration.md: the defaults of [main] are those in force', () => {
    const section = docs('configuration.md').split('section [main]')[1]?.split('\n## ')[0] ?? '';
    const rows = [...section.matchAll(/^\| `([\w-]+)` \| `(\S+)` \|/gm)].map(([, key = '', value = '']) => ({
      key,
      value,
    }));
    const defaults = rows.filter(({ key }) => key !== 'configsets').map(({ key, value }) => `${key} = ${value}`);
    expect(defaults.length).toBeGreaterThan(5);
    const written = decodeHup(['[main]', 'stack = s', ...defaults].join('\n'));
    expect(written).toEqual(decodeHup('[main]\nstack = s\n'));
    expect(written.settings).toBeDefined();
  });
});

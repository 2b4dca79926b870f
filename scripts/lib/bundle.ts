import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { commands } from '../../src/commands/index.ts';

const project = join(import.meta.dirname, '../..');

/** commander loads child_process for subcommands that are separate programs. We have none, and it costs 3 ms. */
const commanderWithoutPrograms: Plugin = {
  name: 'commander-without-programs',
  setup(bundler) {
    bundler.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes('/node_modules/commander/') ? { path: 'child_process', namespace: 'empty' } : undefined,
    );
    bundler.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'export default {};' }));
  },
};

/** Leaves the code of the other commands out; the table of commands keeps their names and options. */
function onlyCommands(wanted: readonly string[]): Plugin {
  return {
    name: 'only-commands',
    setup(bundler) {
      bundler.onResolve({ filter: /^\.\/cfn-[a-z-]+\.ts$/ }, ({ path, importer, kind }) =>
        kind === 'dynamic-import' &&
        importer.endsWith('/src/commands/index.ts') &&
        !wanted.includes(path.slice('./'.length, -'.ts'.length))
          ? { path, namespace: 'left-out' }
          : undefined,
      );
      bundler.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'export {};' }));
    },
  };
}

/** Commands that never use the network. */
const OFFLINE: readonly string[] = ['cfn-create-aws-symlinks', 'cfn-push-stats'];

/** Leaves out the network, or a part of it, where no command in a bundle uses it. @param filter matches dynamically imported paths */
function leaveOut(filter: RegExp): Plugin {
  return {
    name: 'leave-out',
    setup(bundler) {
      bundler.onResolve({ filter }, ({ path, kind }) =>
        kind === 'dynamic-import' ? { path, namespace: 'left-out' } : undefined,
      );
      bundler.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'export {};' }));
    },
  };
}

/** The code for proxies, with its library, is a file of its own. */
const PROXIES = 'proxied';

/** execa runs the tools that change the machine, which take far longer than loading execa. */
const APART: readonly string[] = [PROXIES, 'saxes', 'execa'];

/** Modules that are files of their own in the binary, and are read when they are needed. */
function apart(names: readonly string[]): Plugin {
  return {
    name: 'apart',
    setup(bundler) {
      bundler.onResolve({ filter: /^(?:[a-z]+|\.\/proxied\.ts)$/ }, ({ path }) => {
        const name = path.replace(/^\.\/|\.ts$/g, '');
        return names.includes(name) ? { path: name, namespace: 'apart' } : undefined;
      });
      bundler.onLoad({ filter: /.*/, namespace: 'apart' }, ({ path }) => ({
        contents: `module.exports = loadPacked(${JSON.stringify(path)});`,
      }));
    },
  };
}

/** We use undici for HTTP/1 through a proxy. Loading the rest of it would cost more than that part. */
const undici = `
  const lib = {
    Client: require('undici/lib/dispatcher/client.js'),
    Dispatcher: require('undici/lib/dispatcher/dispatcher.js'),
    buildConnector: require('undici/lib/core/connect.js'),
    ProxyAgent: require('undici/lib/dispatcher/proxy-agent.js'),
  };
  lib.Dispatcher.prototype.connect = require('undici/lib/api/api-connect.js');
  module.exports = lib;`;
/** Parts of undici that we do not use: HTTP/2, fetch with its forms and bodies, and SOCKS (see docs/dev/decisions.md). */
const undiciByHttp1: Plugin = {
  name: 'undici-by-http1',
  setup(bundler) {
    bundler.onResolve({ filter: /^undici$/ }, ({ path }) => ({ path, namespace: 'cut-undici' }));
    bundler.onLoad({ filter: /.*/, namespace: 'cut-undici' }, () => ({ contents: undici, resolveDir: project }));
    bundler.onResolve(
      { filter: /^\.\/client-h2\.js$|^\.\/socks5-proxy-agent$|\/web\/(?:fetch|webidl)/ },
      ({ importer }) =>
        importer.includes('/node_modules/undici/') ? { path: 'undici', namespace: 'left-out-of-undici' } : undefined,
    );
    bundler.onLoad({ filter: /.*/, namespace: 'left-out-of-undici' }, () => ({ contents: 'module.exports = {};' }));
  },
};
/** Without the experimental parser, as in Node's own copy of undici. */
const undiciDefines = { esbuildDetection: '1' };
const execa = `module.exports = require('execa');`;
/** Reads errors in XML. */
const saxes = `module.exports = require('saxes');`;

const common = {
  absWorkingDir: project,
  bundle: true,
  platform: 'node',
  // A linked node_modules must not change the names of modules.
  preserveSymlinks: true,
  format: 'cjs',
  target: 'node24',
  // Otherwise esbuild turns them into calls, which are not removed when unused and cost each start half a millisecond.
  supported: { 'regexp-unicode-property-escapes': true },
  // The whole source is read at each start, so it is minified. A stack trace from a guest can be decoded with the source maps of a
  // build of the same commit, .build/*.cjs.map.
  minify: true,
  sourcemap: 'external',
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
} satisfies BuildOptions;

/** The commands that have a bundle of their own. */
const frequent: readonly string[] = ['cfn-init', 'cfn-signal', 'cfn-hup', 'cfn-get-metadata'];

/** For src/packed.ts, which calls it. */
const wrapper = { banner: { js: '(function (require, module, exports, loadPacked) {' }, footer: { js: '})' } };

/**
 * Makes the launcher, a bundle of src/main.ts for each command that guests call often, one bundle for all other commands, and one for
 * each separate part. V8 keeps the source of a bundle, and some data for each function in it, as long as a process runs, which matters
 * for the daemon.
 * @param directory gets NAME.cjs and NAME.cjs.map for each, and bundled.json, a list of their content
 * @returns the names of all bundles except the launcher
 */
export async function bundle(directory: string): Promise<readonly string[]> {
  const outfile = (name: string) => join(directory, `${name}.cjs`);
  const main = join(project, 'src/main.ts');
  const forCommands = (name: string, wanted: readonly string[]): BuildOptions => ({
    ...wrapper,
    entryPoints: [main],
    outfile: outfile(name),
    plugins: [
      commanderWithoutPrograms,
      ...(wanted.every((command) => OFFLINE.includes(command))
        ? [leaveOut(/^\.\/(?:proxy|exchange|download|direct|proxied)\.ts$/)]
        : []),
      ...(wanted.includes('cfn-init') ? [] : [leaveOut(/^\.\/download\.ts$/)]),
      onlyCommands(wanted),
      apart(APART),
    ],
  });
  const forPackage = (name: string, contents: string, options: BuildOptions = {}): BuildOptions => ({
    ...wrapper,
    ...options,
    stdin: { contents, resolveDir: project, sourcefile: `${name}.cjs` },
    outfile: outfile(name),
  });
  const others = commands.map(({ name }) => name).filter((name) => !frequent.includes(name));
  const results = await Promise.all(
    [
      {
        entryPoints: [join(project, 'src/launcher.ts')],
        outfile: outfile('launcher'),
        plugins: [onlyCommands([])],
      },
      ...frequent.map((name) => forCommands(name, [name])),
      forCommands('cfntools', others),
      forPackage(PROXIES, `module.exports = require('./src/system/http/proxied.ts');`, {
        plugins: [undiciByHttp1],
        define: undiciDefines,
      }),
      forPackage('execa', execa),
      forPackage('saxes', saxes),
    ].map((options) => build({ ...common, ...options })),
  );
  // For the notices that the licences of the bundled packages require.
  const inputs = results.flatMap(({ metafile }) => Object.keys(metafile?.inputs ?? {}));
  writeFileSync(join(directory, 'bundled.json'), JSON.stringify([...new Set(inputs)].sort()));
  return [...frequent, 'cfntools', PROXIES, 'execa', 'saxes'];
}

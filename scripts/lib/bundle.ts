import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { commands } from '../../src/commands/index.ts';

const project = join(import.meta.dirname, '../..');

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

/** Leaves out the network, or a part of it, where no command of a file uses that. @param filter of paths that are imported dynamically */
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

/** Ways through proxies, and the library that they are made with, are a file of their own. */
const PROXIES = 'proxied';

/** execa runs the tools that change the machine, which take far longer than it takes to read it. */
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

/** Of undici we use what goes through a proxy, by HTTP/1. The rest would cost more to read, and to keep, than that. */
const undici = `
  const lib = {
    Client: require('undici/lib/dispatcher/client.js'),
    Dispatcher: require('undici/lib/dispatcher/dispatcher.js'),
    buildConnector: require('undici/lib/core/connect.js'),
    ProxyAgent: require('undici/lib/dispatcher/proxy-agent.js'),
  };
  lib.Dispatcher.prototype.connect = require('undici/lib/api/api-connect.js');
  module.exports = lib;`;
/** HTTP/2, and fetch with its forms and bodies, which are for other requests than ours; and SOCKS (see docs/dev/decisions.md). */
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
/** As in Node's own copy of undici: without the parser that is an experiment. */
const undiciDefines = { esbuildDetection: '1' };
const execa = `module.exports = require('execa');`;
/** Reads errors in XML. */
const saxes = `module.exports = require('saxes');`;

const common = {
  absWorkingDir: project,
  bundle: true,
  platform: 'node',
  // A linked node_modules must not show in the names of modules.
  preserveSymlinks: true,
  format: 'cjs',
  target: 'node24',
  // Else esbuild makes calls of them, which are no longer left out where nobody uses them and cost each start half a millisecond.
  supported: { 'regexp-unicode-property-escapes': true },
  // The whole source is read at each start, so it is kept short. A trace from a guest is read with the maps of the same
  // commit's build, .build/*.cjs.map.
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
 * Makes the launcher, and a bundle of src/main.ts for each command that guests call all the time, one for the rest of them,
 * and one for each part that is apart: V8 keeps the source of a bundle and something for each function in it for as long
 * as a process runs, which counts for the daemon.
 * @param directory gets NAME.cjs and NAME.cjs.map for each, and a list of what is in them, bundled.json
 * @returns the names of all but the launcher
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
  // For the notices that the licences of what is bundled ask for.
  const inputs = results.flatMap(({ metafile }) => Object.keys(metafile?.inputs ?? {}));
  writeFileSync(join(directory, 'bundled.json'), JSON.stringify([...new Set(inputs)].sort()));
  return [...frequent, 'cfntools', PROXIES, 'execa', 'saxes'];
}

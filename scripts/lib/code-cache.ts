/**
 * Makes V8's code cache of one bundle, for src/packed.ts, and prints it. Run in the directory of the bundles.
 *   node --random-seed=1 code-cache.ts NAME
 * The cache holds what V8 has compiled when it is made, and V8 compiles a function when it is first called. So what a guest
 * calls at each boot is run before, in the ways below; each start in the guest has less to compile then.
 *
 * The building machine must not notice, nor show in the result, which is the same wherever it is made: files are those of a
 * scratch directory, heat-api-cfn is a stub on loopback, and the user is root to itself without having root's powers.
 */
import fs from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

const STDOUT = 1;
const STDERR = 2;
const METADATA = JSON.stringify({
  'AWS::CloudFormation::Init': {
    config: { files: { '/srv/file': { content: 'text', mode: '000644', owner: 'root', group: 'root' } } },
  },
});
const FILES = {
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\n',
  '/etc/group': 'root:x:0:\n',
  '/var/lib/cloud/data/instance-id': 'i-00000001\n',
  '/var/lib/heat-cfntools/cfn-init-data': METADATA,
};
const DIRECTORIES = ['/srv', '/etc/cfn', '/var/log', '/var/cache/heat-cfntools'];
/** A signal gets as much, and does not read it. */
const ANSWER = JSON.stringify({
  DescribeStackResourceResponse: {
    DescribeStackResourceResult: { StackResourceDetail: { LogicalResourceId: 'Server', Metadata: METADATA } },
  },
});

/** What the runs print. */
let said = '';
const [name = ''] = process.argv.slice(2);
const exit = process.exit.bind(process);
const scratch = fs.mkdtempSync(join(tmpdir(), 'cfntools-code-'));
process.once('exit', () => fs.rmSync(scratch, { recursive: true }));
for (const directory of DIRECTORIES) fs.mkdirSync(join(scratch, directory), { recursive: true });
for (const [path, text] of Object.entries(FILES)) {
  fs.mkdirSync(dirname(join(scratch, path)), { recursive: true });
  fs.writeFileSync(join(scratch, path), text);
}

const answer: RequestListener = (request, response) => {
  request.resume().on('end', () => response.setHeader('Content-Type', 'application/json').end(ANSWER));
};
const heat = createServer(answer).on('connection', (socket) => socket.unref());
heat.listen(0, '127.0.0.1', () => {
  const cloud = `http://127.0.0.1:${(heat.address() as AddressInfo).port}`;
  heat.unref();
  start(runs(cloud)[name] ?? []);
});

/** The calls of each command that are made before its cache is. */
function runs(cloud: string): Readonly<Record<string, readonly (readonly string[])[]>> {
  const resource = ['-s', 'stack', '-r', 'Server', '--region', 'region'];
  const fromHeat = [...resource, '--access-key', 'key', '--secret-key', 'secret', '--url', `${cloud}/v1/`];
  return {
    'cfn-init': [resource, fromHeat],
    'cfn-get-metadata': [fromHeat],
    'cfn-signal': [
      ['-e', '0', `${cloud}/v1/waitcondition/arn%3Aopenstack%3Aheat%3A%3Aproject%3Astacks%2Fstack/Handle?Signature=x`],
    ],
  };
}

/** Makes one run after the other, and then prints the cache. A run is over when it leaves nothing to wait for. */
function start(argumentLists: readonly (readonly string[])[]): void {
  const source = fs.readFileSync(`${name}.cjs`, 'latin1');
  // The name as it is: a part cut from a path would bring the path along.
  const script = new Script(source, { filename: `${name}.cjs` });
  const waiting = [...argumentLists];
  let isDone = false;
  let ran: readonly string[] = [];
  process.env = { PATH: '/usr/bin:/bin' };
  Object.assign(process, { exit: () => {}, geteuid: () => 0, getegid: () => 0 });
  process.on('beforeExit', (code) => {
    if (code !== 0) {
      console.error(`code-cache: ${name} ${ran.join(' ')}: exit code ${code}: ${said}`);
      exit(1);
    }
    const args = waiting.shift();
    if (args !== undefined) {
      ran = args;
      process.argv = ['node', 'cfntools', name, ...args];
      runIn(script);
      // What waits for nothing leaves Node's loop without another turn.
      setImmediate(() => {});
    } else if (!isDone) {
      isDone = true;
      process.stdout.write(script.createCachedData());
    }
  });
}

function runIn(script: Script): unknown {
  const require = createRequire(import.meta.url);
  const requireHere = (id: string): unknown => (id === 'node:fs' ? scratchMachine : require(id));
  const module = { exports: {} };
  const loadPacked = (other: string): unknown =>
    runIn(new Script(fs.readFileSync(`${other}.cjs`, 'latin1'), { filename: `${other}.cjs` }));
  (script.runInThisContext() as (...globals: unknown[]) => void)(requireHere, module, module.exports, loadPacked);
  return module.exports;
}

/** node:fs of a machine whose files lie in the scratch directory and are root's, and where output is kept. */
const scratchMachine = new Proxy(fs, {
  get(_, property: keyof typeof fs) {
    const value: unknown = fs[property];
    if (typeof value !== 'function' || property === 'Stats') return value;
    if (property === 'fchownSync') return () => {};
    return (first: unknown, ...rest: unknown[]): unknown => {
      if (property === 'writeSync' && (first === STDOUT || first === STDERR)) {
        said += rest[0];
        return (rest[0] as Buffer).length;
      }
      const isOfMachine = typeof first === 'string' && /^\/(?!proc\/)/.test(first);
      const result: unknown = value(isOfMachine ? join(scratch, first) : first, ...rest);
      return result instanceof fs.Stats ? Object.assign(result, { uid: 0, gid: 0 }) : result;
    };
  },
});

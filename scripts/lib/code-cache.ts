/**
 * Makes V8's code cache of one bundle, for src/packed.ts, and prints it. Run in the directory of the bundles.
 *   node --random-seed=1 --predictable code-cache.ts NAME
 * The cache contains the functions that V8 has compiled when it is made, and V8 compiles a function at its first call. So the calls
 * below, which a guest makes at each boot, are run first. Then each start in the guest has less to compile.
 *
 * The runs must not change the building machine. The result must not depend on it, and is the same wherever and whenever it is made:
 * files are those of a scratch directory, the user appears to be root without the rights of root, and heat-api-cfn is a stub that is
 * called directly, because data from a socket does not always arrive in the same order.
 */
import { EventEmitter } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
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
/** The answer to a signal, which is not read. */
const ANSWER = JSON.stringify({
  DescribeStackResourceResponse: {
    DescribeStackResourceResult: { StackResourceDetail: { LogicalResourceId: 'Server', Metadata: METADATA } },
  },
});

const HEAT = 'http://127.0.0.1:8000/v1';
const RESOURCE = ['-s', 'stack', '-r', 'Server', '--region', 'region'];
const FROM_HEAT = [...RESOURCE, '--access-key', 'key', '--secret-key', 'secret', '--url', `${HEAT}/`];
/** The calls of each command before its cache is made. */
const RUNS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'cfn-init': [RESOURCE, FROM_HEAT],
  'cfn-get-metadata': [FROM_HEAT],
  'cfn-signal': [
    ['-e', '0', `${HEAT}/waitcondition/arn%3Aopenstack%3Aheat%3A%3Aproject%3Astacks%2Fstack/Handle?Signature=x`],
  ],
};

/** The output of the runs. */
let said = '';
const [name = ''] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const exit = process.exit.bind(process);
const scratch = fs.mkdtempSync(join(tmpdir(), 'cfntools-code-'));
process.once('exit', () => fs.rmSync(scratch, { recursive: true }));
for (const directory of DIRECTORIES) fs.mkdirSync(join(scratch, directory), { recursive: true });
for (const [path, text] of Object.entries(FILES)) {
  fs.mkdirSync(dirname(join(scratch, path)), { recursive: true });
  fs.writeFileSync(join(scratch, path), text);
}

/** Makes one run after the other and then prints the cache. A run is over when nothing is pending. */
function start(argumentLists: readonly (readonly string[])[]): void {
  const script = scriptOf(name);
  const waiting = [...argumentLists];
  let isDone = false;
  let ran: readonly string[] = [];
  process.env = { PATH: '/usr/bin:/bin' };
  Object.assign(process, { exit: () => {}, geteuid: () => 0, getegid: () => 0 });
  // Time stands still. Otherwise a slow machine would also compile code for timeouts.
  process.hrtime.bigint = () => 0n;
  Object.assign(globalThis, { setTimeout: neverFired, setInterval: neverFired });
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
      // When nothing is pending, Node's event loop ends.
      setImmediate(() => {});
    } else if (!isDone) {
      isDone = true;
      process.stdout.write(script.createCachedData());
    }
  });
}

/** Replaces timers: nothing has to wait here. */
function neverFired(): object {
  const timer = { ref: () => timer, unref: () => timer, refresh: () => timer, hasRef: () => false };
  return timer;
}

/** The name is passed as it is: a substring of a path would keep the path in memory, and so in the cache. */
function scriptOf(bundle: string): Script {
  const filename = `${bundle}.cjs`;
  return new Script(fs.readFileSync(filename, 'latin1'), { filename });
}

/** As src/packed.ts does it, on the scratch machine. */
function runIn(script: Script): unknown {
  const requireHere = (id: string): unknown => doors[id] ?? require(id);
  const module = { exports: {} };
  const loadPacked = (other: string): unknown => runIn(scriptOf(other));
  (script.runInThisContext() as (...globals: unknown[]) => void)(requireHere, module, module.exports, loadPacked);
  return module.exports;
}

/** A node:fs whose files lie in the scratch directory and belong to root, and which collects the output. */
const scratchMachine = new Proxy(fs, {
  get(_, property: keyof typeof fs) {
    const value: unknown = fs[property];
    if (typeof value !== 'function') return value;
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

/** The request of node:http, with only the parts that src/system/http/direct.ts uses. */
function request(): EventEmitter {
  const answer = Object.assign(Readable.from([Buffer.from(ANSWER)]), {
    statusCode: 200,
    headers: { 'content-type': 'application/json', 'content-length': String(ANSWER.length) },
  });
  const sent = new EventEmitter();
  answer.on('close', () => sent.emit('close'));
  return Object.assign(sent, { end: () => setImmediate(() => sent.emit('response', answer)), destroy: () => {} });
}

/** The replacements for the modules of Node that depend on the machine. */
const doors: Readonly<Record<string, unknown>> = { 'node:fs': scratchMachine, 'node:http': { request } };

start(RUNS[name] ?? []);

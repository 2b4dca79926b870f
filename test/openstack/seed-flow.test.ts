import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { allPassed } from '../image/use-images.ts';
import { project } from '../support/binary.ts';
import { run } from '../support/process.ts';
import { type OpenStack, type Stack, useOpenStack } from './use-openstack.ts';

const openstack = useOpenStack();
const directory = inject('images');
/** Without KVM a boot takes one or two minutes on two processors that have nothing else to do. */
const TIMEOUT = 30 * 60_000;
const GREETINGS = ['the first greeting\n', 'the second greeting\n'] as const;
const template = join(directory, 'server.json');
const native = join(directory, 'native.json');
const failing = join(directory, 'failing.json');
let key = '';

beforeAll(async () => {
  if ('reasonAgainst' in inject('openstack')) return;
  const { cloud, image } = openstack();
  const make = join(project, 'test/openstack/nova-template.py');
  writeFileSync(template, await shell('/usr/bin/python3', make));
  writeFileSync(native, await shell('/usr/bin/python3', make, 'native'));
  writeFileSync(failing, JSON.stringify(failingTemplate()));
  await cloud.upload(image, 'guest');
  // The bus that Nova takes where the image does not ask for another one.
  await cloud.upload(image, 'guest-ide', ['hw_cdrom_bus=ide']);
  await cloud.ask('keypair', 'create', 'key');
  key = (await cloud.ask('keypair', 'show', '--public-key', 'key')).trim();
}, TIMEOUT);

describe('a stack of a real OpenStack', () => {
  test(
    'of examples/server.yaml, by the metadata service: CREATE_COMPLETE by the signal of the guest, and cfn-hup acts on an update',
    async () => {
      const { cloud } = openstack();
      const stack = await cloud.create('metadata', template, parameters('guest', 'false'));
      expect(stack).toMatchObject({ status: 'CREATE_COMPLETE' });
      const updated = await cloud.update('metadata', template, { updated: 'true', greeting: GREETINGS[1] });
      expect(updated).toMatchObject({ status: 'UPDATE_COMPLETE' });
      const { code, checks } = await judge('metadata', [stack.outputs['booted'], updated.outputs['hooked']], updated);
      expect({ code, checks }).toEqual({ code: 0, checks: allPassed() });
      expect(await page(cloud, updated)).toBe(`<h1>${GREETINGS[1]}</h1>\n`);
      await cloud.ask('stack', 'delete', '--yes', '--wait', 'metadata');
    },
    TIMEOUT,
  );

  // Two at a time: each has phases of its boot that keep one processor busy only.
  test.concurrent(
    "with the config drive of Nova, an IDE CD-ROM, by Heat's own API: CREATE_COMPLETE, and cfn-hup acts on an update",
    async () => {
      const { cloud } = openstack();
      const stack = await cloud.create('config-drive', native, parameters('guest-ide', 'true'));
      expect(stack).toMatchObject({ status: 'CREATE_COMPLETE' });
      expect(await cdromBus(cloud, stack)).toBe('ide');
      const updated = await cloud.update('config-drive', native, { updated: 'true', greeting: GREETINGS[1] });
      expect(updated).toMatchObject({ status: 'UPDATE_COMPLETE' });
      const said = [stack.outputs['booted'], updated.outputs['hooked']];
      const { code, checks } = await judge('config-drive', said, updated);
      expect({ code, checks }).toEqual({ code: 0, checks: allPassed() });
    },
    TIMEOUT,
  );

  test.concurrent(
    'whose command fails, with a config drive on virtio-scsi: CREATE_FAILED with the reason of the guest',
    async () => {
      const { cloud } = openstack();
      const { flavor, network } = cloud.left;
      const stack = await cloud.create('failing', failing, { image: 'guest', flavor, network });
      expect(stack.status).toBe('CREATE_FAILED');
      expect(stack.reason).toContain('the command ended with exit code 7');
      expect(stack.reason).toContain('commands "01_disk": it printed last: no disk');
      // Heat's part handler keeps what user data prints to itself: by openstack console log show there is this line.
      expect(cloud.console(stack.outputs['server'] ?? '')).toMatch(
        /^cfn-init: the command ended with exit code 7: commands "01_disk": it printed last: no disk: see .*\r?$/m,
      );
      expect(await cdromBus(cloud, stack)).toBe('scsi');
      expect(await lastWords(cloud, stack)).toContain('DataSourceConfigDrive [net,ver=2][source=/dev/sr0]');
    },
    TIMEOUT,
  );
});

/** What the web page of the example shows to somebody on the network of its server. */
async function page(cloud: OpenStack, { outputs }: Stack): Promise<string> {
  const read =
    'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=30).read().decode(), end="")';
  const { code, stdout, stderr } = await cloud.enter(['/usr/bin/python3', '-c', read, outputs['page'] ?? '']);
  return code === 0 ? stdout : stderr;
}

function parameters(image: string, config_drive: string): Record<string, string> {
  const { flavor, network } = openstack().cloud.left;
  const own = { image, flavor, network, key: 'key', config_drive };
  return { ...own, greeting: GREETINGS[0], secret: `secret-of-${image}\n`, limit: '900', interval: '5s' };
}

/** What the guest has said in its signals, as image-build/boot-test judges it. */
async function judge(
  source: 'metadata' | 'config-drive',
  signals: readonly (string | undefined)[],
  stack: Stack,
): Promise<{ code: number; checks: Record<string, string> }> {
  const { cloud } = openstack();
  const uuid = stack.outputs['server'] ?? '';
  const words = await lastWords(cloud, stack);
  const data = {
    metadata: 'DataSourceOpenStack',
    'config-drive': 'DataSourceConfigDrive [net,ver=2][source=/dev/sr0]',
  };
  expect(words).toContain(data[source]);
  const state = mkdtempSync(join(directory, 'state-'));
  const server = { uuid, name: 'server1', hostname: 'server1.novalocal', key, disks: { ephemeral0: 'vdb' } };
  writeFileSync(join(state, 'server.json'), JSON.stringify(server));
  const up = Number(/Up ([\d.]+) seconds/.exec(words)?.[1]);
  writeFileSync(
    join(state, 'times.json'),
    JSON.stringify({ 'from the start of the kernel to the end of cloud-init': up }),
  );
  for (const [index, signal] of signals.entries()) {
    // {"ID": "TEXT"}, as JSON in JSON.
    const [id, text] = Object.entries(JSON.parse(signal ?? '{}') as Record<string, string>)[0] ?? [];
    writeFileSync(join(state, `data-${index + 1}.json`), JSON.stringify({ id, data: JSON.parse(text ?? 'null') }));
  }
  const json = join(state, 'report.json');
  const options = ['--state', state, '--server', join(state, 'server.json'), '--source', source, '--json', json];
  const report = join(project, 'image-build/lib/boot-report.py');
  const title = `a guest of Nova, ${source}`;
  const { code, stdout, stderr } = await run(['/usr/bin/python3', report, ...options, '--title', title]);
  console.log(`${stdout}${stderr}`);
  const { checks } = JSON.parse(readFileSync(json, 'utf8')) as { checks: { check: string; result: string }[] };
  return { code, checks: Object.fromEntries(checks.map(({ check, result }) => [check, result])) };
}

/** What cloud-init says on the console when it is done: the data source, and how long it took. */
async function lastWords(cloud: OpenStack, stack: Stack): Promise<string> {
  for (let waited = 0; ; waited++) {
    const line = /Cloud-init v.* finished at .* Up [\d.]+ seconds/.exec(
      cloud.console(stack.outputs['server'] ?? ''),
    )?.[0];
    if (line !== undefined) return line;
    if (waited >= 120) throw new Error('cloud-init has not come to its end two minutes after the signal');
    await sleep(1000);
  }
}

/** The bus of the CD-ROM of a guest, as libvirt has it. */
async function cdromBus(cloud: OpenStack, stack: Stack): Promise<string | undefined> {
  const { stdout } = await cloud.enter(['virsh', '--quiet', 'dumpxml', stack.outputs['server'] ?? '']);
  return /<disk type='\w+' device='cdrom'>[\s\S]*?<target dev='\w+' bus='(\w+)'/.exec(stdout)?.[1];
}

/** A stack as people write it, whose metadata cannot be applied. */
function failingTemplate(): unknown {
  const script = `#!/bin/bash
said=$(/opt/aws/bin/cfn-init -v -s STACK -r server --region RegionOne 2>&1) && code=0 || code=$?
/opt/aws/bin/cfn-signal -e "$code" -r "\${said##*$'\\n'}" 'HANDLE'
`;
  const parameter = (name: string): unknown => ({ get_param: name });
  return {
    heat_template_version: '2018-08-31',
    parameters: Object.fromEntries(['image', 'flavor', 'network'].map((name) => [name, { type: 'string' }])),
    resources: {
      handle: { type: 'AWS::CloudFormation::WaitConditionHandle' },
      wait: {
        type: 'AWS::CloudFormation::WaitCondition',
        properties: { Handle: { get_resource: 'handle' }, Timeout: 900 },
      },
      server: {
        type: 'OS::Nova::Server',
        metadata: {
          'AWS::CloudFormation::Init': { config: { commands: { '01_disk': { command: 'echo no disk; exit 7' } } } },
        },
        properties: {
          image: parameter('image'),
          flavor: parameter('flavor'),
          networks: [{ network: parameter('network') }],
          config_drive: true,
          user_data_format: 'HEAT_CFNTOOLS',
          user_data: {
            str_replace: {
              template: script,
              params: { STACK: parameter('OS::stack_name'), HANDLE: { get_resource: 'handle' } },
            },
          },
        },
      },
    },
    outputs: { server: { value: { get_resource: 'server' } } },
  };
}

async function shell(...command: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command);
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return stdout;
}

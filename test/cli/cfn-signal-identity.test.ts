import { beforeAll, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { serveInView, type ViewServer } from '../support/serve-in-view.ts';
import { useSandbox } from '../support/use-machine.ts';

const view = useSandbox();
const NOVA = '/var/lib/heat-cfntools/nova_meta.json';
const CLOUD_INIT = '/var/lib/cloud/data/instance-id';
const UUID = '0cd5fbd8-2d1f-4d5e-9c0e-3f4f0e6c0a11';
let server: ViewServer;

beforeAll(async () => {
  if (process.geteuid?.() !== 0) return;
  await view().run('mkdir -p /var/lib/heat-cfntools /var/lib/cloud/data; echo guest-7 >/proc/sys/kernel/hostname');
  server = await serveInView(view(), { '/handle': { status: 200 } });
});

/** Signals without -i, and returns the UniqueId. */
async function uniqueId(files: Readonly<Record<string, string>>): Promise<unknown> {
  await view().run(['rm', '-f', NOVA, CLOUD_INIT]);
  for (const [path, content] of Object.entries(files)) await view().run(['tee', path], { input: content });
  const command = [binary('cfn-signal'), 'http://127.0.0.1:8080/handle'];
  const { code, stderr } = await view().run(command, { env: { PATH: '/usr/bin:/bin' } });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const body = server.requests().at(-1)?.replace('PUT /handle ', '') ?? '';
  return (JSON.parse(body) as Record<string, unknown>)['UniqueId'];
}

describe('the id of a signal, when none is given', () => {
  const nova = (metadata: object): string => JSON.stringify(metadata);
  test.each<[string, Record<string, string>, string]>([
    ["Nova's uuid", { [NOVA]: nova({ uuid: UUID, name: 'n' }), [CLOUD_INIT]: 'i-0000002a\n' }, UUID],
    ["cloud-init's instance id", { [CLOUD_INIT]: 'i-0000002a\n' }, 'i-0000002a'],
    ["cloud-init's when Nova's answer is a page of HTML", { [NOVA]: '<html>', [CLOUD_INIT]: 'i-2a\n' }, 'i-2a'],
    ["cloud-init's when Nova's answer has no uuid", { [NOVA]: nova({ uuid: '' }), [CLOUD_INIT]: 'i-2a' }, 'i-2a'],
    ['the host name', {}, 'guest-7'],
    ['the host name when the files are empty', { [NOVA]: '', [CLOUD_INIT]: '\n' }, 'guest-7'],
  ])('%s', async (_, files, expected) => {
    expect(await uniqueId(files)).toBe(expected);
  });

  test('the host name is the full one where the machine knows it', async () => {
    await view().run('echo 127.0.1.1 guest-7.example.test guest-7 >>/etc/hosts');
    expect((await view().run(['hostname', '--fqdn'])).stdout).toBe('guest-7.example.test\n');
    expect(await uniqueId({})).toBe('guest-7.example.test');
  });
});

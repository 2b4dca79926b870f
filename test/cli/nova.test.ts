import { readFileSync, statSync } from 'node:fs';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import type { Ended } from '../support/process.ts';
import { serveInView, type ViewAnswers, type ViewServer } from '../support/serve-in-view.ts';
import { expectSoon } from '../support/soon.ts';
import { isInstalled, useSandbox } from '../support/use-machine.ts';

// In a network of its own, where the metadata service's address is the loopback device's.
const view = useSandbox({}, ['ip']);
const SERVICE = { host: '169.254.169.254', port: 80 };
const CACHE = '/var/lib/heat-cfntools/nova_meta.json';
const CLOUD_INIT = '/var/lib/cloud/data/instance-id';
const LATEST = '/openstack/latest/meta_data.json';
const DATED = '/openstack/2012-08-10/meta_data.json';
const UUID = 'ba14d706-9a70-46fb-af0b-c9a81b2a2425';
const OTHER = '0cd5fbd8-2d1f-4d5e-9c0e-3f4f0e6c0a11';
/** As Nova 26 writes it; the seed is shorter. */
const document = (uuid: string): string =>
  JSON.stringify({
    uuid,
    hostname: 'server1.novalocal',
    name: 'server1',
    launch_index: 0,
    availability_zone: 'nova',
    random_seed: 'c4cBqIExV+09z59P/287lnWn9ElrTE==',
    project_id: '23b59801236f416c8771e8578025ce6c',
    devices: [],
    dedicated_cpus: [],
  });
const NOT_FOUND = '<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n</html>';
const nova = (uuid: string): ViewAnswers => ({ [LATEST]: { status: 200, body: document(uuid) } });

let handle: ViewServer;
let service: ViewServer | undefined;

beforeAll(async () => {
  if (process.geteuid?.() !== 0) return;
  await view().run(
    `ip addr add ${SERVICE.host}/32 dev lo; echo guest-7 >/proc/sys/kernel/hostname; mkdir -p /var/lib/cloud/data
     mkdir -m 700 -p /var/lib/heat-cfntools`,
  );
  handle = await serveInView(view(), { '*': { status: 200 } });
});

beforeEach(async () => {
  await view().run(['rm', '-rf', CACHE, CLOUD_INIT, '/run/cloud-init']);
});

afterEach(async () => {
  await service?.close();
  service = undefined;
});

/** Lets the metadata service answer so for one test; without it nothing listens there. */
async function serve(answers: ViewAnswers): Promise<void> {
  service = await serveInView(view(), answers, SERVICE);
}

interface Signalled {
  readonly id: unknown;
  /** `METHOD PATH` of what the metadata service was asked in this run. */
  readonly asked: readonly string[];
  readonly result: Ended;
}

/** Signals without -i. */
async function signal(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Signalled> {
  const before = service?.requests().length ?? 0;
  const result = await view().run([binary('cfn-signal'), ...args, 'http://127.0.0.1:8080/handle'], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...env },
  });
  expect({ code: result.code, stdout: result.stdout }).toEqual({ code: 0, stdout: '' });
  const body = handle.requests().at(-1)?.replace('PUT /handle ', '') ?? '';
  const asked = (service?.requests() ?? []).slice(before).map((line) => line.trim());
  return { id: (JSON.parse(body) as Record<string, unknown>)['UniqueId'], asked, result };
}

const put = (path: string, text: string) => view().run(['tee', path], { input: text });

describe('the metadata service', () => {
  test('tells the uuid, once: the copy is private and answers from then on', async () => {
    await serve(nova(UUID));
    const first = await signal();
    expect({ id: first.id, asked: first.asked, stderr: first.result.stderr }).toEqual({
      id: UUID,
      asked: [`GET ${LATEST}`],
      stderr: '',
    });
    expect(readFileSync(view().path(CACHE), 'utf8')).toBe(document(UUID));
    expect(statSync(view().path(CACHE)).mode & 0o7777).toBe(0o600);
    expect(await signal()).toMatchObject({ id: UUID, asked: [] });
  });

  test('of an older release has a dated document only', async () => {
    await serve({ [DATED]: { status: 200, body: document(UUID) } });
    expect(await signal()).toMatchObject({ id: UUID, asked: [`GET ${LATEST}`, `GET ${DATED}`] });
  });

  test('is not asked when cloud-init knows the uuid', async () => {
    await serve(nova(OTHER));
    await put(CLOUD_INIT, `${UUID}\n`);
    expect(await signal()).toMatchObject({ id: UUID, asked: [] });
    expect(view().exists(CACHE)).toBe(false);
  });

  test('is not asked with -i, nor for a command line that is wrong', async () => {
    await serve(nova(UUID));
    expect(await signal(['-i', 'me'])).toMatchObject({ id: 'me', asked: [] });
    const { code } = await view().run([binary('cfn-signal'), 'no-url']);
    expect({ code, asked: service?.requests() }).toEqual({ code: 2, asked: [] });
  });

  test.each<[what: string, copy: string, cloudInit: string]>([
    ["cloud-init's uuid is another", document(OTHER), UUID],
    [
      "cloud-init's EC2 id is another than it was fetched by",
      JSON.stringify({ uuid: OTHER, cfntools_instance_id: 'i-1' }),
      'i-2a',
    ],
    ['nobody can tell', document(OTHER), 'i-2a'],
  ])('an image captured from another guest does not signal as that one: %s', async (_, copy, cloudInit) => {
    await serve(nova(UUID));
    await put(CACHE, copy);
    await put(CLOUD_INIT, `${cloudInit}\n`);
    expect((await signal()).id).toBe(UUID);
    await service?.close();
    service = undefined;
    expect((await signal()).id).toBe(UUID);
  });

  test.each<[what: string, answers: ViewAnswers]>([
    ['pages of HTML with 200', { '*': { status: 200, body: NOT_FOUND } }],
    ['404', { '*': { status: 404, body: NOT_FOUND } }],
    ['403', { '*': { status: 403 } }],
    ['redirects to elsewhere', { '*': { status: 302, headers: { Location: 'http://127.0.0.1:8080/' } } }],
    ['a document without a uuid', { '*': { status: 200, body: '{"name": "x"}' } }],
    ['half a document', { '*': { status: 200, body: document(UUID).slice(0, 100) } }],
    ['500', { '*': { status: 500, body: document(UUID) } }],
  ])('that gives %s is no Nova: nothing is cached, the host name it is', async (_, answers) => {
    await serve(answers);
    const before = handle.requests().length;
    const { id, result } = await signal();
    expect({ id, stderr: result.stderr, cached: view().exists(CACHE) }).toEqual({
      id: 'guest-7',
      stderr: '',
      cached: false,
    });
    expect(handle.requests().slice(before)).toHaveLength(1);
  });

  test('a cached page of HTML does not stay for ever', async () => {
    await serve(nova(UUID));
    await put(CACHE, NOT_FOUND);
    expect((await signal()).id).toBe(UUID);
    expect(readFileSync(view().path(CACHE), 'utf8')).toBe(document(UUID));
  });

  test('that says nothing costs 6 seconds at most', async () => {
    await serve({ '*': 'silent' });
    const { id, asked, result } = await signal();
    expect({ id, stderr: result.stderr }).toEqual({ id: 'guest-7', stderr: '' });
    await expectSoon(result.milliseconds, 7_500);
    expect(asked.length).toBeLessThanOrEqual(3);
  });

  test('that says nothing takes half of --timeout at most: the signal still arrives', async () => {
    await serve({ '*': 'silent' });
    const { id, result } = await signal(['--timeout', '2']);
    expect(id).toBe('guest-7');
    await expectSoon(result.milliseconds, 2_500);
  });

  test('is never asked through a proxy', async () => {
    await serve(nova(UUID));
    const proxy = 'http://127.0.0.1:9';
    const { id } = await signal([], { http_proxy: proxy, all_proxy: proxy, no_proxy: '127.0.0.1' });
    expect(id).toBe(UUID);
  });

  test('answers an ordinary user too, who can leave no copy', async () => {
    await serve(nova(UUID));
    const command = `setpriv --reuid 65534 --regid 65534 --clear-groups '${binary('cfn-signal')}' http://127.0.0.1:8080/handle`;
    const { code, stderr } = await view().run(command);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(handle.requests().at(-1)).toContain(UUID);
    expect(view().exists(CACHE)).toBe(false);
  });
});

describe("EC2's metadata service", () => {
  const token: ViewAnswers = { '/latest/api/token': { status: 200, body: 'AQAEA-t0ken==' } };
  const needs = ['x-aws-ec2-metadata-token', 'AQAEA-t0ken=='] as const;

  test.each<[string, ViewAnswers]>([
    ['with a token', { ...token, '/latest/meta-data/instance-id': { status: 200, body: 'i-0a1b', needs } }],
    ['without one', { '/latest/meta-data/instance-id': { status: 200, body: 'i-0a1b' } }],
  ])('tells an instance id %s', async (_, answers) => {
    await serve(answers);
    expect((await signal()).id).toBe('i-0a1b');
    expect(view().exists(CACHE)).toBe(false);
  });
});

describe('the credentials of a role', () => {
  const ROLES = '/latest/meta-data/iam/security-credentials/';
  const needs = ['x-aws-ec2-metadata-token', 'AQAEA-t0ken=='] as const;
  const role = JSON.stringify({
    Code: 'Success',
    AccessKeyId: 'ASIA1',
    SecretAccessKey: 's3cret-key',
    Token: 's3ssion==',
  });
  const answers: ViewAnswers = {
    '/latest/api/token': { status: 200, body: 'AQAEA-t0ken==' },
    [ROLES]: { status: 200, body: 'web\ndb', needs },
    [`${ROLES}web`]: { status: 200, body: role, needs },
  };
  const signalBy = (name: string, ...options: string[]) =>
    view().run(
      [
        ...[binary('cfn-signal'), ...options, '-v', '-i', 'me', '--stack', 's', '--resource', 'r', '--role', name],
        ...['--url', 'http://127.0.0.1:8081/'],
      ],
      { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } },
    );

  test('sign a call, and are not shown', async () => {
    await serve(answers);
    const api = await serveInView(
      view(),
      { '*': { status: 200, needs: ['x-amz-security-token', 's3ssion=='] } },
      { port: 8081 },
    );
    const { code, stderr } = await signalBy('web');
    expect({ code, called: api.requests().length }).toEqual({ code: 0, called: 1 });
    expect(stderr).not.toMatch(/s3cret|s3ssion|t0ken/);
    await api.close();
  });

  test('of a role that is not there: exit 1, and which there are', async () => {
    await serve(answers);
    const { code, stderr } = await signalBy('other');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/no such role: the role "other": available: web, db\n$/),
    });
  });

  test('without a metadata service: exit 75 when the time is over', async () => {
    const { code, stderr, milliseconds } = await signalBy('web', '--timeout', '2');
    expect({ code, stderr }).toEqual({
      code: 75,
      stderr: expect.stringMatching(/^cfn-signal: no credentials for the role "web" within 2 s: [^\n]+\n$/m),
    });
    expect(milliseconds).toBeGreaterThanOrEqual(2_000);
    await expectSoon(milliseconds, 4_000);
  });
});

describe('cloud-init', () => {
  test('tells the instance id by its instance data where its other file is not there', async () => {
    await view().run('mkdir -p /run/cloud-init');
    await put('/run/cloud-init/instance-data.json', JSON.stringify({ v1: { instance_id: UUID } }));
    expect((await signal()).id).toBe(UUID);
  });

  test('without a data source it has the same id on each machine: not used', async () => {
    await put(CLOUD_INIT, 'iid-datasource-none\n');
    expect((await signal()).id).toBe('guest-7');
  });
});

/** How an image with the label is made from /image, for each file system. */
const IMAGES: Readonly<Record<string, readonly [tool: string, command: string]>> = {
  iso9660: ['genisoimage', 'genisoimage -quiet -J -r -V config-2 -o /drive /image'],
  vfat: ['mcopy', 'truncate -s 2M /drive; mkfs.vfat -n CONFIG-2 /drive >/dev/null; mcopy -i /drive -s /image/* ::'],
  // Not one that Nova makes: for machines whose kernel has neither of the two.
  ext4: ['mkfs.ext4', 'truncate -s 4M /drive; mkfs.ext4 -q -L config-2 -d /image /drive'],
};
const known = readFileSync('/proc/filesystems', 'utf8').split(/\s+/);
const kinds = Object.entries(IMAGES).filter(([kind, [tool]]) => known.includes(kind) && isInstalled(tool));

describe.each(kinds)('a config drive with %s', (_, [, make]) => {
  const drive = useSandbox({}, ['losetup', 'blkid', 'ip']);
  let device = '';
  let requests: ViewServer;

  beforeAll(async () => {
    if (process.geteuid?.() !== 0) return;
    // The loop device goes with the process that holds it, and that goes with the view. Its /dev is the machine's own:
    // udev's links are made in a copy.
    const { code, stdout, stderr } = await drive().run(
      `set -e
       echo guest-7 >/proc/sys/kernel/hostname
       mkdir -p /image/openstack/latest /var/lib/heat-cfntools
       cat >/image/openstack/latest/meta_data.json
       ${make}
       loop=$(losetup --show -f /drive)
       setsid sh -c 'exec 9<"$1"; losetup -d "$1"; exec sleep 1000' sh "$loop" </dev/null >/dev/null 2>&1 &
       disown
       until losetup -l -n -O AUTOCLEAR "$loop" | grep -q 1; do sleep 0.05; done
       mkdir /copy; mount -t tmpfs tmpfs /copy; cp -a /dev/null /dev/urandom "$loop" /copy; mount --move /copy /dev
       echo "$loop"`,
      { input: document(UUID) },
    );
    if (code !== 0) throw new Error(`no loop device: ${stderr}`);
    device = stdout.trim();
    requests = await serveInView(drive(), { '*': { status: 200 } });
  });

  beforeEach(async () => {
    await drive().run(`rm -rf ${CACHE} /dev/disk`);
  });

  /** Signals without -i as root or another user. @returns the UniqueId */
  async function id(prefix = ''): Promise<unknown> {
    const { code, stderr } = await drive().run(`${prefix} '${binary('cfn-signal')}' http://127.0.0.1:8080/handle`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const body = requests.requests().at(-1)?.replace('PUT /handle ', '') ?? '';
    const mounts = await drive().run(['cat', '/proc/self/mounts']);
    expect(mounts.stdout.split('\n').filter((line) => line.startsWith(`${device} /tmp`))).toEqual([]);
    return (JSON.parse(body) as Record<string, unknown>)['UniqueId'];
  }

  test('that udev knows tells the uuid; it is mounted for the read only', async () => {
    await drive().run(`mkdir -p /dev/disk/by-label; ln -s ../../${device.slice(5)} /dev/disk/by-label/config-2`);
    expect(await id()).toBe(UUID);
    expect(readFileSync(drive().path(CACHE), 'utf8')).toBe(document(UUID));
    await drive().run(['rm', '-r', '/dev/disk']);
    expect(await id()).toBe(UUID);
  });

  test('is found without udev', async () => {
    expect(await id()).toBe(UUID);
  });

  test('that is mounted already is read there, by an ordinary user too', async () => {
    await drive().run(
      `mkdir -p /dev/disk/by-label '/mnt/config drive'; ln -s ../../${device.slice(5)} /dev/disk/by-label/CONFIG-2
       mount -o ro ${device} '/mnt/config drive'`,
    );
    expect(await id('setpriv --reuid 65534 --regid 65534 --clear-groups')).toBe(UUID);
    await drive().run(['umount', '/mnt/config drive']);
  });

  test('cannot be mounted by an ordinary user', async () => {
    await drive().run(`mkdir -p /dev/disk/by-label; ln -s ../../${device.slice(5)} /dev/disk/by-label/config-2`);
    expect(await id('setpriv --reuid 65534 --regid 65534 --clear-groups')).toBe('guest-7');
  });
});

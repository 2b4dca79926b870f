import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { instanceId } from '../../../src/metadata/instance-id.ts';
import { fakeGuest, type Reply } from './fake-system.ts';

const UUID = 'ba14d706-9a70-46fb-af0b-c9a81b2a2425';
const OTHER = '0cd5fbd8-2d1f-4d5e-9c0e-3f4f0e6c0a11';
const CACHE = '/var/lib/heat-cfntools/nova_meta.json';
const CLOUD_INIT = '/var/lib/cloud/data/instance-id';
const INSTANCE_DATA = '/run/cloud-init/instance-data.json';
const LATEST = '/openstack/latest/meta_data.json';
const EC2 = '/latest/meta-data/instance-id';
const nova = (uuid: string, more: object = {}) => JSON.stringify({ uuid, ...more });
const instanceData = (id: unknown) => JSON.stringify({ v1: { instance_id: id, cloud_name: 'openstack' } });

type Files = Readonly<Record<string, string>>;
type Replies = Readonly<Record<string, Reply>>;

async function idOf(files: Files, replies: Replies = {}) {
  const guest = fakeGuest(replies);
  for (const [path, text] of Object.entries(files)) guest.write(path, text);
  return { id: await instanceId(guest.system, guest.log, Number.POSITIVE_INFINITY), guest };
}

describe('what local files tell, without a look at the network', () => {
  it.each<[what: string, files: Files, id: string]>([
    ['the cached copy', { [CACHE]: nova(UUID) }, UUID],
    ['the cached copy, of this instance', { [CACHE]: nova(UUID), [CLOUD_INIT]: `${UUID}\n` }, UUID],
    [
      'the cached copy, of this instance by its EC2 id',
      { [CACHE]: nova(UUID, { cfntools_instance_id: 'i-2a' }), [CLOUD_INIT]: 'i-2a' },
      UUID,
    ],
    ["cloud-init's uuid", { [CLOUD_INIT]: `${UUID}\n` }, UUID],
    ["cloud-init's uuid from its instance data", { [INSTANCE_DATA]: instanceData(UUID) }, UUID],
    ['the copy of another instance counts for nothing', { [CACHE]: nova(OTHER), [CLOUD_INIT]: UUID }, UUID],
    ['nor does a page of HTML', { [CACHE]: '<html>', [CLOUD_INIT]: UUID }, UUID],
  ])('%s', async (_, files, id) => {
    const found = await idOf(files);
    expect(found.id).toBe(id);
    expect(found.guest.asked).toEqual([]);
  });
});

describe('what the network tells', () => {
  it.each<[what: string, files: Files, replies: Replies, id: string]>([
    ['Nova', {}, { [LATEST]: nova(UUID) }, UUID],
    ["Nova's uuid before cloud-init's EC2 id", { [CLOUD_INIT]: 'i-2a' }, { [LATEST]: nova(UUID) }, UUID],
    [
      'Nova, when the copy is of another instance by its EC2 id',
      { [CACHE]: nova(OTHER, { cfntools_instance_id: 'i-1' }), [CLOUD_INIT]: 'i-2a' },
      { [LATEST]: nova(UUID) },
      UUID,
    ],
    [
      'Nova, when nobody can tell of which instance the copy is',
      { [CACHE]: nova(OTHER), [CLOUD_INIT]: 'i-2a' },
      { [LATEST]: nova(UUID) },
      UUID,
    ],
    ['... and the copy when Nova is not there', { [CACHE]: nova(OTHER), [CLOUD_INIT]: 'i-2a' }, {}, OTHER],
    [
      '... but never the copy of another instance',
      { [CACHE]: nova(OTHER, { cfntools_instance_id: 'i-1' }), [CLOUD_INIT]: 'i-2a' },
      {},
      'i-2a',
    ],
    ["cloud-init's EC2 id", { [CLOUD_INIT]: 'i-2a\n' }, {}, 'i-2a'],
    ["cloud-init's id from its instance data", { [INSTANCE_DATA]: instanceData('i-2a') }, {}, 'i-2a'],
    ["EC2's id", {}, { [EC2]: 'i-00000003' }, 'i-00000003'],
    ["EC2's id by a token", {}, { 'PUT /latest/api/token': 'T0ken==', [EC2]: 'i-00000003' }, 'i-00000003'],
    ['no data source: all machines have this id', { [CLOUD_INIT]: 'iid-datasource-none' }, { [EC2]: 'i-3' }, 'i-3'],
    ["no page for EC2's id", {}, { [EC2]: '<html>' }, hostname()],
    ['nothing', {}, {}, hostname()],
    ['empty files', { [CACHE]: '', [CLOUD_INIT]: '\n', [INSTANCE_DATA]: '' }, {}, hostname()],
    ['instance data without an id', { [INSTANCE_DATA]: instanceData(7) }, {}, hostname()],
    ['instance data of another form', { [INSTANCE_DATA]: '[1]' }, {}, hostname()],
    ['an id of several words', { [CLOUD_INIT]: 'no id' }, {}, hostname()],
  ])('%s', async (_, files, replies, id) => {
    expect((await idOf(files, replies)).id).toBe(id);
  });

  it('the token goes to EC2 alone', async () => {
    const { guest } = await idOf({}, { 'PUT /latest/api/token': 'T0ken==', [EC2]: 'i-00000003' });
    expect(guest.asked).toEqual([
      'GET /openstack/latest/meta_data.json',
      'GET /openstack/2012-08-10/meta_data.json',
      'PUT /latest/api/token',
      'GET /latest/meta-data/instance-id T0ken==',
    ]);
  });

  it('a service that says nothing costs 6 seconds at most, and is not asked for anything else then', async () => {
    const { id, guest } = await idOf({}, { [LATEST]: 'no answer', [EC2]: 'i-3' });
    expect(id).toBe(hostname());
    expect(guest.passed()).toBeLessThanOrEqual(6000);
    expect(new Set(guest.asked)).toEqual(new Set([`GET ${LATEST}`]));
  });

  it('a fetched copy answers the next time, until the image runs as another instance', async () => {
    const guest = fakeGuest({ [LATEST]: [nova(OTHER), nova(UUID)] });
    const ask = () => instanceId(guest.system, guest.log, 6000);
    guest.write(CLOUD_INIT, 'i-1');
    expect([await ask(), await ask()]).toEqual([OTHER, OTHER]);
    guest.write(CLOUD_INIT, 'i-2a');
    expect([await ask(), await ask()]).toEqual([UUID, UUID]);
    expect(guest.asked).toHaveLength(2);
  });

  it('the host name is the full one where the machine knows it', async () => {
    const short = hostname().split('.')[0] ?? '';
    if (short !== hostname()) return;
    const hosts = `127.0.0.1 localhost\n127.0.1.1 ${short}.example.test ${short} # ${short}.wrong.test\n`;
    expect((await idOf({ '/etc/hosts': hosts })).id).toBe(`${short}.example.test`);
  });
});

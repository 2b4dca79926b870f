import { describe, expect, it } from 'vitest';
import { metadataService } from '../../../src/metadata/metadata-service.ts';
import {
  decodeNovaMetadata,
  fetchNova,
  isOfThisInstance,
  isUuid,
  type NovaMetadata,
  readCachedNova,
} from '../../../src/metadata/nova.ts';
import { type FakeGuest, fakeGuest, type Reply } from './fake-system.ts';

const UUID = 'ba14d706-9a70-46fb-af0b-c9a81b2a2425';
const OTHER = '0cd5fbd8-2d1f-4d5e-9c0e-3f4f0e6c0a11';
const LATEST = '/openstack/latest/meta_data.json';
const DATED = '/openstack/2012-08-10/meta_data.json';
const CACHE = '/var/lib/heat-cfntools/nova_meta.json';
const document = JSON.stringify({ uuid: UUID, hostname: 'server1.novalocal', name: 'server1', launch_index: 0 });

describe('decodeNovaMetadata', () => {
  it.each<[text: string, uuid: string | undefined]>([
    [document, UUID],
    ['{"uuid": "x", "meta": {"a": "b"}}', 'x'],
    ['{"uuid": ""}', undefined],
    ['{"uuid": " "}', undefined],
    ['{"uuid": 7}', undefined],
    ['{"uuid": "a\\nb"}', undefined],
    ['{"UUID": "x"}', undefined],
    ['{}', undefined],
    ['[]', undefined],
    ['null', undefined],
    ['"x"', undefined],
    ['', undefined],
    ['<html><h1>404 Not Found</h1></html>', undefined],
    [document.slice(0, -1), undefined],
  ])('%s: %s', (text, uuid) => {
    expect(decodeNovaMetadata(text)?.uuid).toBe(uuid);
  });
});

it.each<[text: string, expected: boolean]>([
  [UUID, true],
  [UUID.toUpperCase(), true],
  [UUID.slice(1), false],
  [`${UUID}0`, false],
  [UUID.replaceAll('-', ''), false],
  ['i-0000002a', false],
  ['', false],
])('isUuid(%s): %s', (text, expected) => {
  expect(isUuid(text)).toBe(expected);
});

describe('isOfThisInstance', () => {
  const cached = (more: object = {}) => decodeNovaMetadata(JSON.stringify({ uuid: UUID, ...more })) as NovaMetadata;
  it.each<[copy: NovaMetadata, cloudInitId: string | undefined, expected: string]>([
    [cached(), undefined, 'yes'],
    [cached(), UUID, 'yes'],
    [cached(), UUID.toUpperCase(), 'yes'],
    [cached(), OTHER, 'no'],
    [cached(), 'i-0000002a', 'unknown'],
    [cached({ cfntools_instance_id: 7 }), 'i-0000002a', 'unknown'],
    [cached({ cfntools_instance_id: 'i-0000002a' }), 'i-0000002a', 'yes'],
    [cached({ cfntools_instance_id: 'i-0000002b' }), 'i-0000002a', 'no'],
    [cached({ cfntools_instance_id: 'i-0000002a' }), OTHER, 'no'],
  ])('%j, cloud-init says %s: %s', (copy, cloudInitId, expected) => {
    expect(isOfThisInstance(copy, cloudInitId)).toBe(expected);
  });
});

const fetch = (guest: FakeGuest, cloudInitId?: string, patience = 6000) =>
  fetchNova(guest.system, guest.log, metadataService(guest.system, patience), cloudInitId, 60_000);

describe('fetchNova', () => {
  it.each<[what: string, replies: Record<string, Reply>, uuid: string | undefined, asked: string[]]>([
    ['latest', { [LATEST]: document }, UUID, [LATEST]],
    ['the oldest', { [DATED]: document }, UUID, [LATEST, DATED]],
    ['a page for latest', { [LATEST]: '<html>', [DATED]: document }, UUID, [LATEST, DATED]],
    ['no Nova', {}, undefined, [LATEST, DATED]],
    ['a service that wants a token', { [LATEST]: 401, [DATED]: 401 }, undefined, [LATEST, DATED]],
    ['pages of a proxy', { [LATEST]: '<html>', [DATED]: '<html>' }, undefined, [LATEST, DATED]],
    ['in trouble at first', { [LATEST]: [503, 500, document] }, UUID, [LATEST, LATEST, LATEST]],
    ['too many of us at first', { [LATEST]: [429, document] }, UUID, [LATEST, LATEST]],
    ['silent at first', { [LATEST]: ['no answer', document] }, UUID, [LATEST, LATEST]],
    ['in trouble for good', { [LATEST]: 503 }, undefined, [LATEST, LATEST, LATEST]],
  ])('%s', async (_, replies, uuid, asked) => {
    const guest = fakeGuest(replies);
    expect((await fetch(guest))?.uuid).toBe(uuid);
    expect(guest.asked).toEqual(asked.map((path) => `GET ${path}`));
    expect(readCachedNova(guest.system.files)?.uuid).toBe(uuid);
    expect(guest.read(CACHE)).toBe(uuid === undefined ? undefined : document);
  });

  it.each([
    [6000, 6000],
    [60_000, 6000],
    [1000, 1000],
    [1, 1],
    [-5, 0],
  ])('a service that says nothing costs no more than it may: %d ms', async (patience, most) => {
    const guest = fakeGuest({ [LATEST]: 'no answer', [DATED]: 'no answer' });
    expect(await fetch(guest, undefined, patience)).toBeUndefined();
    expect(guest.passed()).toBeLessThanOrEqual(most);
    expect(guest.asked.length).toBeLessThanOrEqual(3);
  });

  it.each<[cloudInitId: string | undefined, copy: string]>([
    [undefined, document],
    [UUID, document],
    ['i-0000002a', JSON.stringify({ ...JSON.parse(document), cfntools_instance_id: 'i-0000002a' })],
  ])('notes in the copy what cloud-init calls the instance where that is something else: %s', async (id, copy) => {
    const guest = fakeGuest({ [LATEST]: document });
    await fetch(guest, id);
    expect(guest.read(CACHE)).toBe(copy);
    expect(guest.system.files.entry(CACHE)?.mode).toBe(0o600);
    expect(guest.system.files.entry('/var/lib/heat-cfntools')?.mode).toBe(0o700);
  });

  it('leaves the password of a config drive out of the copy', async () => {
    const guest = fakeGuest({ [LATEST]: JSON.stringify({ uuid: UUID, admin_pass: 's3cret', name: 'n' }) });
    await fetch(guest);
    expect(guest.read(CACHE)).toBe(JSON.stringify({ uuid: UUID, name: 'n' }));
  });

  it('does without a cache where it cannot be written', async () => {
    const guest = fakeGuest({ [LATEST]: document });
    guest.write('/var/lib/heat-cfntools', 'a file in the way');
    expect((await fetch(guest))?.uuid).toBe(UUID);
    expect(guest.said).toEqual([expect.stringMatching(/^DEBUG Nova's metadata is not cached: /)]);
  });
});

import { statSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { metadata } from '../support/cfn-init.ts';
import { BOOT, CACHE, failure, KEYS, METADATA, of, result, useHeatGuest } from '../support/heat-guest.ts';
import { described, describedInXml, KEY, recorded, SECRET } from '../support/heat-replay.ts';

const { machine, replay, put, get, init } = useHeatGuest();

describe('what Heat answers', () => {
  test('an object: printed in one line, digits and order kept, published', async () => {
    const heat = await replay({ 's1/config_none': described(METADATA) });
    expect(result(await get(of('config_none', heat.base)))).toEqual({ code: 0, stdout: `${METADATA}\n`, stderr: '' });
    for (const name of ['last_metadata', 'last_metadata_config_none']) {
      expect(machine().read(`${CACHE}/${name}`)).toBe(METADATA);
      expect(statSync(machine().path(`${CACHE}/${name}`)).mode & 0o7777).toBe(0o600);
    }
    expect(statSync(machine().path(CACHE)).mode & 0o7777).toBe(0o700);
  });

  test.each([
    ['a text', described(JSON.stringify(METADATA))],
    ['XML', describedInXml(METADATA)],
  ])('%s says the same', async (_, answer) => {
    const heat = await replay({ 's1/r': answer });
    expect(result(await get(of('r', heat.base)))).toEqual({ code: 0, stdout: `${METADATA}\n`, stderr: '' });
    expect(machine().read(`${CACHE}/last_metadata`)).toBe(METADATA);
  });

  test('nothing: {}', async () => {
    const heat = await replay({ 's1/cfnuser': described('{}') });
    expect(result(await get(of('cfnuser', heat.base)))).toEqual({ code: 0, stdout: '{}\n', stderr: '' });
    expect((await init(of('cfnuser', heat.base))).stderr).toContain('AWS::CloudFormation::Init');
  });

  test('cfn-init applies it', async () => {
    const heat = await replay({ 's1/r': described(METADATA) });
    expect(result(await init(of('r', heat.base)))).toMatchObject({ code: 0, stderr: '' });
    expect(machine().read('/ran')).toBe('ran\n');
  });

  test('and publishes it before it applies it', async () => {
    const failing = metadata({ commands: { '01': { command: `test -s ${CACHE}/last_metadata && exit 3` } } });
    const heat = await replay({ 's1/r': described(failing) });
    expect((await init(of('r', heat.base))).stderr).toContain('exit code 3');
  });

  test('some megabytes', async () => {
    const large = JSON.stringify({ large: 'x'.repeat(5_000_000) });
    const heat = await replay({ 's1/r': described(large) });
    const { code, stdout } = await get([...of('r', heat.base), '-k', 'large', '--raw']);
    expect({ code, length: stdout.length }).toEqual({ code: 0, length: 5_000_001 });
  });
});

describe('keys and formatting', () => {
  const document =
    '{"foo": {"bar.1": {"baz": "text \\u00fc"}, "list": [1, {"a": null}], "one": 1.0}, "n": null, "e": {}}';
  test.each([
    ["foo.'bar.1'.baz", '"text \\u00fc"'],
    ['foo.bar\\.1.baz', '"text \\u00fc"'],
    ["foo.'bar.1'", '{"baz": "text \\u00fc"}'],
    ['foo.list', '[1, {"a": null}]'],
    ['foo.one', '1.0'],
    ['n', 'null'],
    ['e.', '{}'],
  ])('-k %s', async (key, stdout) => {
    const heat = await replay({ 's1/r': described(document) });
    expect(result(await get([...of('r', heat.base), '-k', key]))).toEqual({
      code: 0,
      stdout: `${stdout}\n`,
      stderr: '',
    });
  });

  test('--raw prints a text bare, and all else as before', async () => {
    const heat = await replay({ 's1/r': described(document) });
    const raw = async (key: string) => (await get([...of('r', heat.base), '--raw', '-k', key])).stdout;
    expect([await raw('foo.bar\\.1.baz'), await raw('foo.list')]).toEqual(['text ü\n', '[1, {"a": null}]\n']);
  });

  test.each(['nothing', 'foo.nothing', 'foo.list.0', 'foo..one', '', 'foo.one.x'])('-k %j is missing', async (key) => {
    const heat = await replay({ 's1/r': described(document) });
    expect(result(await get([...of('r', heat.base), '-k', key]))).toEqual(
      failure(/^cfn-get-metadata: no key [^\n]*\n$/),
    );
  });

  test('a secret of the metadata is printed, since it is what was asked for', async () => {
    const heat = await replay({ 's1/r': described(`{"password": "${SECRET}"}`) });
    expect((await get(of('r', heat.base))).stdout).toBe(`{"password": "${SECRET}"}\n`);
  });

  test.each([[[]], [['-s', 's1']], [['-r', 'r']], [['-s', '', '-r', 'r']]])('%j is a usage error', async (args) => {
    const { code, stdout, stderr } = await get(args);
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^cfn-get-metadata: [^\n]*--(stack|resource)[^\n]*\n$/),
    });
  });
});

describe('refused: an error in one line, nothing is published, nothing older is used', () => {
  beforeEach(() => put(`${CACHE}/last_metadata`, METADATA));

  test.each<[name: string, answer: ReturnType<typeof described>, said: RegExp]>([
    ['unknown resource', recorded.noResource, /The Resource \(nosuch\) could not be found in Stack s1\.: .*--resource/],
    ['unknown stack', recorded.noStack, /The Stack \(nostack\) could not be found\.: .*--stack/],
    [
      'key of another resource',
      recorded.otherResource,
      /You are not authorized to use this action\.: .*another resource/,
    ],
    ['403', recorded.accessDenied, /HTTP 403 \(User is not authorized to perform action\): .*secret/],
    ['not Heat', { status: 200, body: '<html>Welcome</html>' }, /cannot be used/],
    ['truncated JSON', { status: 200, body: '{"DescribeStackResourceResponse": {' }, /cannot be used .*truncated/],
  ])('%s', async (_, answer, said) => {
    const heat = await replay({ 's1/r': answer });
    expect(result(await get(of('r', heat.base)))).toEqual(
      failure(new RegExp(`^cfn-get-metadata: [^\\n]*${said.source}[^\\n]*\\n$`)),
    );
    expect(result(await init(of('r', heat.base)))).toEqual(
      failure(new RegExp(`^cfn-init: [^\\n]*${said.source}[^\\n]*\\n$`)),
    );
    expect(heat.requests).toHaveLength(2);
    expect(machine().exists('/ran')).toBe(false);
    expect(machine().exists(`${CACHE}/last_metadata_r`)).toBe(false);
  });

  test.each([
    ['wrong secret', ['--access-key', KEY, '--secret-key', 'wrong-secret']],
    ['unknown key', ['--access-key', 'deadbeef', '--secret-key', SECRET]],
  ])('%s', async (_, keys) => {
    const heat = await replay({ 's1/r': described(METADATA) });
    expect(result(await get(['-s', 's1', '-r', 'r', ...keys, '-u', heat.base]))).toEqual(failure(/HTTP 403/));
    expect(heat.requests).toHaveLength(1);
  });

  test('a clock that is off is named', async () => {
    const date = new Date(Date.now() + 20 * 60_000).toUTCString();
    const heat = await replay({ 's1/r': { ...(recorded.accessDenied as object), headers: { Date: date } } as never });
    expect((await get(of('r', heat.base))).stderr).toMatch(/the clock here is 20 minutes behind the server's/);
  });

  test('300 and 404 on a wrong base path are explained', async () => {
    const heat = await replay({});
    const root = await get(of('r', heat.url));
    expect(result(root)).toEqual(failure(new RegExp(`HTTP 300.*the base URL is ${heat.base}`)));
    put(`${BOOT}/cfn-metadata-server`, `${heat.url}/v2/`);
    expect(result(await get(of('r')))).toEqual(failure(/HTTP 404.*ends with \/v1\/.*cfn-metadata-server/));
  });

  test('more than 64 MiB', async () => {
    const heat = await replay({ 's1/r': { status: 200, body: Buffer.alloc(65 * 1024 * 1024, ' ') } });
    expect(result(await get(of('r', heat.base)))).toEqual(failure(/larger than 67108864 bytes/));
    expect(heat.requests).toHaveLength(1);
  });
});

describe('signatures', () => {
  test('v2 after IncompleteSignature', async () => {
    const heat = await replay({ 's1/r': [recorded.incompleteSignature, described(METADATA)] });
    expect((await get(of('r', heat.base))).code).toBe(0);
    expect(heat.requests.map(({ headers }) => headers.authorization === undefined)).toEqual([false, true]);
  });

  test('v2 by cfntools.conf', async () => {
    put('/etc/cfn/cfntools.conf', 'signature = v2\n');
    const heat = await replay({ 's1/r': described(METADATA) });
    expect((await get(of('r', heat.base))).code).toBe(0);
    expect(heat.requests[0]?.target).toContain('SignatureVersion=2');
  });

  test('names of stacks and resources are encoded', async () => {
    const stack = 'arn:openstack:heat::a6f8:stacks/s1/0df8';
    const heat = await replay({ [`${stack}/r.1`]: described(METADATA) });
    expect((await get(['-s', stack, '-r', 'r.1', ...KEYS, '-u', heat.base])).code).toBe(0);
  });
});

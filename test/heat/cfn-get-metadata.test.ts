import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { startServer } from '../support/http-server.ts';
import type { Ended } from '../support/process.ts';
import { isInstalled, useSandbox } from '../support/use-machine.ts';
import type { Keys, StackReference } from './cloud.ts';
import { signUrl } from './sign.ts';
import { guestTemplate } from './templates.ts';
import { useHeat } from './use-heat.ts';

const METADATA = {
  'AWS::CloudFormation::Init': { config: { files: { '/srv/greeting': { content: 'hello' } } } },
  '10': 'a key that looks like a number',
  '2': { 'dotted.key': ['a', 1, true, null, 0.5, 'sch\u00f6n \u2713 <&> \u{1f600}'] },
  empty: {},
  long: 'x'.repeat(50_000),
};

const cloud = useHeat();
const view = useSandbox({ network: 'shared' });
let stack: StackReference;
let keys: Keys;
let serverKeys: Keys;

beforeAll(async () => {
  if (!('directory' in inject('heat'))) return;
  const made = await cloud().createUpToWaiting(guestTemplate(METADATA));
  stack = made;
  keys = { access: String(made.outputs['access']), secret: String(made.outputs['secret']) };
  const os = made.outputs['serverKeys'] as Record<string, string>;
  serverKeys = { access: os['access_key_id'] ?? '', secret: os['secret_access_key'] ?? '' };
});

const PATH = '/usr/bin:/bin';
const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  view().run([binary('cfn-get-metadata'), ...args], { env: { PATH, ...env } });

interface Wanted {
  readonly stack?: string;
  readonly resource?: string;
  readonly keys?: Keys;
  readonly url?: string;
}

/** What asks for the metadata of the server, but for what is wished otherwise. */
const asking = (wanted: Wanted = {}): string[] => [
  ...['-s', wanted.stack ?? stack.name, '-r', wanted.resource ?? 'server', '--region', 'RegionOne'],
  ...['--access-key', (wanted.keys ?? keys).access, '--secret-key', (wanted.keys ?? keys).secret],
  ...['-u', wanted.url ?? cloud().addresses.cfn],
];

/** Exit 1 with one line on stderr, which names no secret. */
function refusalOf({ code, stdout, stderr }: Ended): string {
  expect({ code, stdout, stderr }).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^cfn-get-metadata: [^\n]+\n$/),
  });
  for (const { secret } of [keys, serverKeys]) expect(stderr).not.toContain(secret);
  return stderr;
}

describe('given', () => {
  test('the metadata as it stands in the template, and nothing else', async () => {
    const { code, stdout, stderr } = await run(asking());
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // Heat adds what its own agents need.
    const { deployments, 'os-collect-config': _, ...rest } = JSON.parse(stdout) as Record<string, unknown>;
    expect(rest).toEqual(METADATA);
    expect(deployments).toEqual([]);
  });

  test('the value at a key', async () => {
    const { code, stdout } = await run([...asking(), '-k', "2.'dotted.key'"]);
    expect({ code, value: JSON.parse(stdout) }).toEqual({ code: 0, value: METADATA[2]['dotted.key'] });
  });

  test('a text, quoted and bare', async () => {
    expect((await run([...asking(), '-k', '10'])).stdout).toBe('"a key that looks like a number"\n');
    expect((await run([...asking(), '-k', '10', '--raw'])).stdout).toBe('a key that looks like a number\n');
  });

  test('another resource that the key may read', async () => {
    const { code, stdout } = await run(asking({ resource: 'other' }));
    expect({ code, value: JSON.parse(stdout) }).toEqual({ code: 0, value: { text: 'of the other resource' } });
  });

  test('by the id of the stack, and by its ARN', async () => {
    for (const id of [stack.id, cloud().arn(stack)]) {
      const { code, stdout, stderr } = await run([...asking({ stack: id }), '-k', '10', '--raw']);
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'a key that looks like a number\n', stderr: '' });
    }
  });

  test('with the key of the server itself, as os-collect-config has it', async () => {
    expect((await run([...asking({ keys: serverKeys }), '-k', '10'])).code).toBe(0);
  });

  test('with a base URL that lacks its slash', async () => {
    const { code, stderr } = await run([...asking({ url: cloud().addresses.cfn.slice(0, -1) }), '-k', '10']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('signed the old way, when cfntools.conf asks for it', async () => {
    const witness = await startServer({ status: 403 });
    try {
      await view().run("mkdir -p /etc/cfn && echo 'signature=v2' >/etc/cfn/cfntools.conf");
      await run(asking({ url: `${witness.url}/v1/` }));
      const { code, stderr } = await run([...asking(), '-k', '10']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(witness.requests.map(({ target }) => target)).toEqual([expect.stringContaining('SignatureVersion=2')]);
    } finally {
      await view().run('rm -r /etc/cfn');
      await witness.close();
    }
  });

  test("heat's XML is understood as its JSON is", async () => {
    const query = { Action: 'DescribeStackResource', StackName: stack.name, LogicalResourceId: 'server' };
    const url = signUrl('GET', cloud().addresses.cfn, { ...query, Version: '2010-05-15' }, keys, new Date());
    const answer = await fetch(url);
    const body = await answer.text();
    expect(body).toMatch(/^<DescribeStackResourceResponse>.*<Metadata>\{&?/);
    const server = await startServer({ status: 200, headers: { 'Content-Type': 'application/xml' }, body });
    try {
      const [xml, json] = [await run(asking({ url: `${server.url}/v1/` })), await run(asking())];
      expect(xml.code).toBe(0);
      expect(JSON.parse(xml.stdout)).toEqual(JSON.parse(json.stdout));
    } finally {
      await server.close();
    }
  });
});

describe('secrets with characters that others stumble over', () => {
  const secrets = ['a&b#c*d', ' a b', '%26%20+', `"quoted'`, '$HOME`id`\\', 'a=b;c', '/+==', '\u00fcml\u00e4ut'];

  test.each(secrets)('%j by flag, environment and file', async (secret) => {
    const mine = await cloud().makeKeys(secret);
    const { access } = mine;
    const where = asking().slice(0, 6);
    const url = ['-u', cloud().addresses.cfn, '-k', '10'];
    const file = join(view().shared, 'credentials');
    writeFileSync(file, `AWSAccessKeyId=${access}\nAWSSecretKey=${secret}\n`);
    chmodSync(file, 0o600);
    const ways = {
      flags: await run([...asking({ keys: mine }), '-k', '10']),
      environment: await run([...where, ...url], { AWS_ACCESS_KEY_ID: access, AWS_SECRET_ACCESS_KEY: secret }),
      // A blank at an end of a line of the file is no part of the value.
      ...(secret.trim() === secret ? { file: await run([...where, ...url, '--credential-file', file]) } : {}),
    };
    for (const [way, { code, stderr }] of Object.entries(ways))
      expect({ way, code, stderr }).toEqual({ way, code: 0, stderr: '' });
  });
});

describe('refused: exit 1 and one line that says why', () => {
  test('a wrong secret', async () => {
    expect(refusalOf(await run(asking({ keys: { ...keys, secret: 'wrong' } })))).toMatch(/403/);
  });

  test('an unknown key', async () => {
    expect(refusalOf(await run(asking({ keys: { access: '0'.repeat(32), secret: 'x' } })))).toMatch(/403/);
  });

  test('a clock that is 20 minutes late, and it is the clock that is blamed', async (context) => {
    if (!isInstalled('faketime')) context.skip('needs faketime');
    const ask = ['faketime', '-f', '-20m', binary('cfn-get-metadata'), ...asking()];
    expect(refusalOf(await view().run(ask, { env: { PATH } }))).toMatch(/403.*clock/);
  });

  test('an unknown resource', async () => {
    expect(refusalOf(await run(asking({ resource: 'nosuch' })))).toMatch(/nosuch.*could not be found/);
  });

  test('a resource that the key of another may not see', async () => {
    expect(refusalOf(await run(asking({ resource: 'other', keys: serverKeys })))).toMatch(
      /not authorized.*another resource/,
    );
  });

  test('an unknown stack', async () => {
    expect(refusalOf(await run(asking({ stack: 'nosuchstack' })))).toMatch(/nosuchstack/);
  });

  test('a wrong base path', async () => {
    const root = cloud().addresses.cfn.replace('/v1/', '/');
    expect(refusalOf(await run(asking({ url: root })))).toMatch(/\/v1\//);
    expect(refusalOf(await run(asking({ url: `${root}v9/` })))).toMatch(/404|300/);
  });

  test('a key that is not in the metadata', async () => {
    expect(refusalOf(await run([...asking(), '-k', 'no.such.key']))).toMatch(/no\.such\.key|no such key/i);
  });

  test('never from what was known before', async () => {
    const cache = '/var/cache/heat-cfntools';
    await view().run(`mkdir -p -m 700 ${cache}; echo '{"old": true}' | tee ${cache}/last_metadata_{server,nosuch}`);
    refusalOf(await run(asking({ keys: { ...keys, secret: 'wrong' } })));
    refusalOf(await run(asking({ resource: 'nosuch' })));
    expect(view().read(`${cache}/last_metadata_nosuch`)).toBe('{"old": true}\n');
  });
});

test('a policy that forbids guests to ask: what the guest was given at boot, else an error with the remedy', async () => {
  const strict = { url: cloud().addresses.strictCfn };
  const remedy =
    /not allowed for user\).*policy\.yaml: "cloudformation:DescribeStackResource": "role:heat_stack_user or role:reader"/;
  const clean = 'rm -rf /var/cache/heat-cfntools /var/lib/heat-cfntools';
  await view().run(clean);
  expect(refusalOf(await run(asking(strict)))).toMatch(remedy);
  await view().run(
    `mkdir -p -m 700 /var/lib/heat-cfntools; echo '{"of": "boot"}' >/var/lib/heat-cfntools/cfn-init-data`,
  );
  expect(refusalOf(await run(asking({ ...strict, keys: { ...keys, secret: 'wrong' } })))).toMatch(
    /403 \(User is not authorized to perform action\).*check the access key and its secret.*CVE-2025-65073/,
  );
  const { code, stdout, stderr } = await run(asking(strict));
  expect({ code, stdout }).toEqual({ code: 0, stdout: '{"of": "boot"}\n' });
  expect(stderr).toMatch(/^cfn-get-metadata: warning: [^\n]*: using \S*cfn-init-data, written [^\n]* ago\n$/);
  expect(stderr).toMatch(remedy);
  await view().run(clean);
});

test('a resource without metadata', async () => {
  const { code, stdout } = await run(asking({ resource: 'bare' }));
  expect({ code, stdout }).toEqual({ code: 0, stdout: '{}\n' });
});

test('says the same as heat-cfntools', async (context) => {
  if (!isInstalled('cfn-get-metadata')) context.skip('needs the package heat-cfntools');
  // It takes the port from an address without a path only, and the host from the boto file.
  const { hostname, origin } = new URL(cloud().addresses.cfn);
  const directory = '/var/lib/heat-cfntools';
  const boto = `[Boto]\ncfn_region_name = heat\ncfn_region_endpoint = ${hostname}\n`;
  await view().run(
    `mkdir -p -m 700 ${directory}; printf %s '${origin}' >${directory}/cfn-metadata-server
     printf '${boto}' >${directory}/cfn-boto-cfg; rm -rf /var/cache/heat-cfntools/*`,
  );
  const theirs = await view().run(['/usr/bin/cfn-get-metadata', ...asking().slice(0, -2)], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', BOTO_CONFIG: `${directory}/cfn-boto-cfg` },
  });
  expect(theirs.code).toBe(0);
  expect(JSON.parse((await run(asking())).stdout)).toEqual(JSON.parse(theirs.stdout));
});

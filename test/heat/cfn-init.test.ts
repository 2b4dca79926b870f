import { beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { complaints, summary } from '../support/cfn-init.ts';
import type { Ended } from '../support/process.ts';
import { useSandbox } from '../support/use-machine.ts';
import type { Keys, StackReference } from './cloud.ts';
import { deploymentTemplate, guestTemplate, waitTemplate } from './templates.ts';
import { useHeat } from './use-heat.ts';

const CACHE = '/var/cache/heat-cfntools';
const DATA = '/var/lib/heat-cfntools';
const REGION = ['--region', 'RegionOne'];
const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' };

/** A file and a command that counts its runs. */
const metadata = (greeting: string) => ({
  'AWS::CloudFormation::Init': {
    config: {
      files: { '/srv/guest/greeting': { content: greeting, mode: '000640', owner: 'root', group: 'root' } },
      commands: { '01_count': { command: 'echo ran >>/srv/guest/runs' } },
    },
  },
  note: greeting,
});

const cloud = useHeat();
const view = useSandbox({ network: 'shared' });
let stack: StackReference;
let keys: Keys;

beforeAll(async () => {
  if (!('directory' in inject('heat'))) return;
  const made = await cloud().createUpToWaiting(guestTemplate(metadata('from heat')));
  stack = made;
  keys = { access: String(made.outputs['access']), secret: String(made.outputs['secret']) };
});

beforeEach(async () => {
  await view().run(`rm -rf ${CACHE} ${DATA} /srv/guest /etc/cfn /var/log/cfn-*.log`);
});

const init = (...args: string[]): Promise<Ended> => view().run([binary('cfn-init'), ...args], { env });
const server = (): string[] => ['-s', stack.name, '-r', 'server', ...REGION];
const keyFlags = ({ access, secret }: Keys): string[] => ['--access-key', access, '--secret-key', secret];

/** The two policies by which heat-api-cfn lets guests ask for metadata, or does not. */
type Policy = 'cfn' | 'strictCfn';
/** Leaves in the guest what heat lets cloud-init write there. */
const boot = (...more: readonly string[]): Promise<void> => bootUnder('cfn', ...more);

async function bootUnder(policy: Policy, ...more: readonly string[]): Promise<void> {
  const address = cloud().addresses[policy];
  const boto = [
    ...['[Boto]', 'debug = 0', 'is_secure = 0', 'https_validate_certificates = 1', 'cfn_region_name = heat'],
    `cfn_region_endpoint = ${new URL(address).hostname}`,
    ...more,
  ].join('\\n');
  const { code } = await view().run(`
    set -e
    mkdir -p -m 700 ${DATA}
    printf %s '${address}' >${DATA}/cfn-metadata-server
    printf '${boto}' >${DATA}/cfn-boto-cfg`);
  expect(code).toBe(0);
}

/** The metadata of the server as it was when it was booted. */
async function leaveBootMetadata(): Promise<void> {
  const metadata = JSON.stringify(await cloud().metadataOf(stack, 'server'));
  await view().run(['bash', '-c', 'umask 077; printf %s "$1" >"$0"', `${DATA}/cfn-init-data`, metadata]);
}

/** One warning that names the cause, the operator's remedy, and what is used instead. */
const FORBIDDEN =
  /^cfn-init: warning: [^\n]*Action DescribeStackResource not allowed for user[^\n]*"role:heat_stack_user or role:reader": using [^\n]*cfn-init-data, written [^\n]*\n$/;

const applied = () => ({ greeting: view().read('/srv/guest/greeting'), runs: view().read('/srv/guest/runs') });

describe('with keys, from heat', () => {
  test('the address by cfn-metadata-server with its port, as heat writes it', async () => {
    await boot();
    const ended = await init(...server(), ...keyFlags(keys));
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' });
    expect(summary(ended)).toBe('2 changed');
    expect(applied()).toEqual({ greeting: 'from heat', runs: 'ran\n' });
  });

  test('what was fetched is published to root alone', async () => {
    await boot();
    await init(...server(), ...keyFlags(keys));
    const { stdout } = await view().run(`stat -c '%a %U %n' ${CACHE} ${CACHE}/*`);
    expect(stdout.split('\n').sort()).toEqual([
      '',
      `600 root ${CACHE}/last_metadata`,
      `600 root ${CACHE}/last_metadata_server`,
      `600 root ${CACHE}/written-by.json`,
      `700 root ${CACHE}`,
    ]);
    for (const name of ['last_metadata', 'last_metadata_server'])
      expect(JSON.parse(view().read(`${CACHE}/${name}`))).toMatchObject(metadata('from heat'));
  });

  test('no secret of the run is in its log', async () => {
    await boot();
    await init(...server(), ...keyFlags(keys), '-v');
    const { stdout: logs } = await view().run('stat -c %a /var/log/cfn-init.log; cat /var/log/cfn-*.log');
    expect(logs).toMatch(/^600\n/);
    expect(logs).not.toContain(keys.secret);
    expect(logs).not.toMatch(/Signature=[0-9a-zA-Z]/);
  });

  test('a credential file and -u', async () => {
    await view().run(
      `umask 077; mkdir -p /etc/cfn
       printf 'AWSAccessKeyId=%s\\nAWSSecretKey=%s\\n' '${keys.access}' '${keys.secret}' >/etc/cfn/cfn-credentials`,
    );
    const { code, stderr } = await init(...server(), '-f', '/etc/cfn/cfn-credentials', '-u', cloud().addresses.cfn);
    expect({ code, stderr, ...applied() }).toEqual({ code: 0, stderr: '', greeting: 'from heat', runs: 'ran\n' });
  });

  test('the id of the stack, and other metadata after an update of the stack', async () => {
    await boot();
    const { outputs, ...other } = await cloud().createUpToWaiting(guestTemplate(metadata('first')));
    const theirs = keyFlags({ access: String(outputs['access']), secret: String(outputs['secret']) });
    const where = ['-s', other.id, '-r', 'server', ...REGION, ...theirs];
    expect((await init(...where)).code).toBe(0);
    await cloud().updateStack(other, guestTemplate(metadata('second')));
    const ended = await init(...where);
    expect({ code: ended.code, ...applied() }).toEqual({ code: 0, greeting: 'second', runs: 'ran\nran\n' });
    expect(JSON.parse(view().read(`${CACHE}/last_metadata`))).toMatchObject({ note: 'second' });
  });

  test.each<[name: string, policy: Policy, said: unknown]>([
    ['that lets guests ask', 'cfn', ''],
    ['of Heat 2024.1 and later', 'strictCfn', expect.stringMatching(FORBIDDEN)],
  ])('user data under the policy %s: cfn-init, cfn-signal, CREATE_COMPLETE', async (_, policy, said) => {
    await bootUnder(policy);
    await leaveBootMetadata();
    const waiting = await cloud().createUpToWaiting(waitTemplate());
    const [initBinary, signalBinary] = [binary('cfn-init'), binary('cfn-signal')];
    const script = `${initBinary} "\${@:2}"; ${signalBinary} -e $? -d "$(cat /srv/guest/greeting)" -i me "$1"`;
    const url = String(waiting.outputs['url']);
    const ended = await view().run(['bash', '-c', script, 'user-data', url, ...server(), ...keyFlags(keys)], { env });
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: said });
    const state = await cloud().untilSettled(waiting);
    expect(state).toMatchObject({ status: 'CREATE_COMPLETE', outputs: { data: '{"me": "from heat"}' } });
  });
});

describe('heat refuses: exit 1, and nothing that was known before is applied', () => {
  const published = JSON.stringify(metadata('known before'));
  const cached = async (policy: Policy) => {
    await bootUnder(policy);
    const names = `${CACHE}/last_metadata ${CACHE}/last_metadata_server ${DATA}/cfn-init-data`;
    await view().run(`mkdir -p -m 700 ${CACHE}; printf %s '${published}' | tee ${names} >/dev/null`);
  };

  test.each<[string, Policy, () => string[]]>([
    ['a wrong secret', 'cfn', () => [...server(), ...keyFlags({ ...keys, secret: 'wrong' })]],
    ['an unknown key', 'cfn', () => [...server(), ...keyFlags({ access: 'nobody', secret: 'wrong' })]],
    ['an unknown stack', 'cfn', () => ['-s', 'nosuch', '-r', 'server', ...keyFlags(keys)]],
    ['an unknown resource', 'cfn', () => ['-s', stack.name, '-r', 'nosuch', ...keyFlags(keys)]],
    [
      'a wrong secret where no guest may ask',
      'strictCfn',
      () => [...server(), ...keyFlags({ ...keys, secret: 'wrong' })],
    ],
    ['an unknown key there', 'strictCfn', () => [...server(), ...keyFlags({ access: 'nobody', secret: 'wrong' })]],
  ])('%s', async (_, policy, args) => {
    await cached(policy);
    const ended = await init(...args());
    expect({ code: ended.code, lines: complaints(ended).length }).toEqual({ code: 1, lines: 1 });
    expect(ended.stderr).toMatch(/^cfn-init: (?!warning)/);
    expect(view().exists('/srv/guest')).toBe(false);
    expect(view().read(`${CACHE}/last_metadata`)).toBe(published);
  });
});

describe('heat is not to be had', () => {
  const impatient = ['num_retries = 1', 'max_retry_delay = 1'];

  /** Runs cfn-init where there is no way to heat: no network at all, or one where nothing listens. */
  const cutOff = (loopback: 'down' | 'up', ...args: string[]): Promise<Ended> => {
    const script = loopback === 'up' ? 'ip link set lo up; exec "$@"' : 'exec "$@"';
    const command = ['unshare', '--net', 'bash', '-c', script, 'cut-off', binary('cfn-init'), ...args];
    return view().run(command, { env, timeout: 180_000 });
  };

  test.each<'down' | 'up'>(['up', 'down'])(
    'what was fetched last is applied, with a warning that says which and how old (loopback device %s)',
    { timeout: 200_000 },
    async (loopback) => {
      await boot(...(loopback === 'down' ? [] : impatient));
      await init(...server(), ...keyFlags(keys));
      await view().run(`rm -rf /srv/guest; touch -d '3 hours ago' ${CACHE}/*`);
      const { code, stderr } = await cutOff(loopback, ...server(), ...keyFlags(keys));
      expect({ code, ...applied() }).toEqual({ code: 0, greeting: 'from heat', runs: 'ran\n' });
      expect(stderr).toMatch(/^cfn-init: warning: [^\n]*last_metadata_server[^\n]*3 hours[^\n]*\n$/);
    },
  );

  test('without anything known: exit 1', { timeout: 200_000 }, async () => {
    await boot(...impatient);
    const ended = await cutOff('up', ...server(), ...keyFlags(keys));
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^cfn-init: (?!warning)[^\n]+$/m);
    expect(view().exists('/srv/guest')).toBe(false);
  });

  test("a template's hook without credentials: what cfn-init left at boot", async () => {
    await boot();
    await init(...server(), ...keyFlags(keys));
    await view().run('rm -rf /srv/guest');
    const { code, stderr } = await init(...server());
    expect({ code, ...applied() }).toEqual({ code: 0, greeting: 'from heat', runs: 'ran\n' });
    expect(stderr).toMatch(/^cfn-init: warning: no credentials[^\n]*last_metadata_server[^\n]*\n$/);
  });
});

describe("heat-agents' hook cfn-init: last_metadata is written, cfn-init called with no arguments", () => {
  interface Deployment {
    readonly group: string;
    readonly config: unknown;
    readonly inputs: readonly { readonly name: string; readonly value: string }[];
  }

  /** What heat-config does for a deployment: the hook of its group, then its answer to heat. */
  async function deploy(init: Record<string, unknown>): Promise<{ ended: Ended; deployment: StackReference }> {
    const deployment = await cloud().createUpToWaiting(deploymentTemplate(init));
    const os = deployment.outputs['serverKeys'] as Record<string, string>;
    const credentials = keyFlags({ access: os['access_key_id'] ?? '', secret: os['secret_access_key'] ?? '' });
    const ask = ['-s', deployment.name, '-r', 'server', '-u', os['metadata_url'] ?? '', ...credentials];
    const hasDeployment = async (): Promise<Deployment> => {
      for (let tries = 0; tries < 60; tries++) {
        const { stdout } = await view().run([binary('cfn-get-metadata'), ...ask, '-k', 'deployments'], { env });
        const [first] = stdout === '' ? [] : (JSON.parse(stdout) as Deployment[]);
        if (first !== undefined) return first;
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      throw new Error('heat has made no deployment');
    };
    const { group, config, inputs } = await hasDeployment();
    expect(group).toBe('cfn-init');
    const document = JSON.stringify({ 'AWS::CloudFormation::Init': config });
    // The agent's umask and mode: a file that is executable, and is not replaced but written over.
    await view().run([
      'bash',
      '-c',
      `mkdir -p -m 700 ${CACHE}; umask 022; printf %s "$1" >${CACHE}/last_metadata`,
      '_',
      document,
    ]);
    await view().run(`chmod 700 ${CACHE}/last_metadata; ln -sf ${binary('cfn-init')} /usr/local/bin/cfn-init`);
    const ended = await view().run(['cfn-init'], { env: { ...env, PATH: `/usr/local/bin:${env.PATH}` } });
    const answer = { deploy_stdout: ended.stdout, deploy_stderr: ended.stderr, deploy_status_code: ended.code };
    const url = inputs.find(({ name }) => name === 'deploy_signal_id')?.value ?? '';
    const method = inputs.find(({ name }) => name === 'deploy_signal_verb')?.value ?? 'POST';
    const told = await fetch(url, { method, body: Buffer.from(JSON.stringify(answer)) });
    expect(told.status).toBe(200);
    return { ended, deployment };
  }

  test('success', async () => {
    const { ended, deployment } = await deploy(metadata('by the hook')['AWS::CloudFormation::Init']);
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' });
    expect(applied()).toEqual({ greeting: 'by the hook', runs: 'ran\n' });
    const state = await cloud().untilSettled(deployment);
    expect(state.status).toBe('CREATE_COMPLETE');
    expect(state.outputs['stdout']).toBe(ended.stdout);
  });

  test('a command that fails is a deployment that fails', async () => {
    const { ended, deployment } = await deploy({ config: { commands: { '01_no': { command: 'exit 3' } } } });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^cfn-init: [^\n]*01_no[^\n]*\n$/);
    expect(await cloud().untilSettled(deployment)).toMatchObject({
      status: 'CREATE_FAILED',
      reason: expect.stringContaining('non-zero status code: 1'),
    });
  });
});

import { beforeAll, describe, expect, inject, test } from 'vitest';
import { binary } from '../support/binary.ts';
import type { Ended } from '../support/process.ts';
import { useSandbox } from '../support/use-machine.ts';
import type { StackReference, StackState } from './cloud.ts';
import { nativeGuestTemplate } from './templates.ts';
import { useHeat } from './use-heat.ts';

const METADATA = {
  'AWS::CloudFormation::Init': { config: { files: { '/srv/greeting': { content: 'hello' } } } },
  '2': 'zwei',
};
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
const FILE = '/root/credentials';

describe.each([
  { which: 'heat', policy: 'the policy of Debian 12', byAccessKey: { code: 0, stderr: '' } },
  {
    which: 'heatOfToday',
    policy: 'the policy of Heat 2024.1 and later',
    byAccessKey: { code: 1, stderr: expect.stringMatching(/by default; [^\n]*policy\.yaml/) },
  },
] as const)('under $policy', ({ which, byAccessKey }) => {
  const cloud = useHeat(which);
  const view = useSandbox({ network: 'shared' });
  let stack: StackReference & Pick<StackState, 'outputs'>;
  let application: { readonly id: string; readonly secret: string };
  /** What Heat hands to the guest, for os-collect-config. */
  let handedOut: Readonly<Record<string, unknown>>;

  beforeAll(async () => {
    if (!('directory' in inject(which))) return;
    stack = await cloud().createUpToWaiting(nativeGuestTemplate(METADATA));
    handedOut = stack.outputs['heat'] as Record<string, unknown>;
    application = await cloud().makeApplicationCredential();
  });

  const openrc = (): string => {
    const { id, secret } = application;
    return `export OS_AUTH_URL=${cloud().addresses.keystone}\nexport OS_APPLICATION_CREDENTIAL_ID=${id}\nexport OS_APPLICATION_CREDENTIAL_SECRET='${secret}'\nexport OS_REGION_NAME="RegionOne"\n`;
  };

  async function leave(path: string, text: string): Promise<void> {
    const write = 'umask 077; mkdir -p "$(dirname "$1")"; cat >"$1"';
    const { code, stderr } = await view().run(['bash', '-c', write, 'leave', path], { input: text });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  }

  const ask = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
    view().run([binary('cfn-get-metadata'), ...args], { env: { PATH, ...env } });
  const answerOf = ({ code, stdout, stderr }: Ended) => ({
    code,
    metadata: stdout === '' ? '' : (JSON.parse(stdout) as unknown),
    stderr,
  });
  const refusalOf = ({ code, stdout, stderr }: Ended): string => {
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^cfn-get-metadata: [^\n]+\n$/),
    });
    return stderr;
  };

  test('what heat-api-cfn says to an access key of the stack', async () => {
    const { access, secret } = stack.outputs;
    const keys = ['--access-key', String(access), '--secret-key', String(secret)];
    const { code, stderr } = await ask(['-s', stack.name, '-r', 'server', '--url', cloud().addresses.cfn, ...keys]);
    expect({ code, stderr }).toEqual(byAccessKey);
  });

  describe("metadata by Heat's own API", () => {
    test.each<[by: string, name: () => string]>([
      ['name', () => stack.name],
      ['id', () => stack.id],
      ['name and id', () => `${stack.name}/${stack.id}`],
      ['ARN', () => cloud().arn(stack)],
    ])('with an application credential, the stack by its %s', async (_, name) => {
      await leave(FILE, openrc());
      const answer = answerOf(await ask(['-s', name(), '-r', 'server', '--credential-file', FILE]));
      expect(answer).toEqual({ code: 0, metadata: expect.objectContaining(METADATA), stderr: '' });
    });

    test('with what Heat hands out', async () => {
      await leave(FILE, JSON.stringify({ 'os-collect-config': { heat: handedOut } }));
      for (const name of [stack.name, String(handedOut['stack_id'])]) {
        const answer = answerOf(await ask(['-s', name, '-r', 'server', '--credential-file', FILE]));
        expect(answer).toEqual({ code: 0, metadata: expect.objectContaining(METADATA), stderr: '' });
      }
    });

    test('with a user and a password of the environment', async () => {
      const { keystone, user, password, project } = cloud().addresses;
      const env = {
        ...{ OS_AUTH_URL: keystone, OS_USERNAME: user, OS_USER_DOMAIN_NAME: 'Default', OS_PASSWORD: password },
        ...{ OS_PROJECT_NAME: project, OS_PROJECT_DOMAIN_NAME: 'Default' },
      };
      const answer = answerOf(await ask(['-s', stack.name, '-r', 'server'], env));
      expect(answer).toEqual({ code: 0, metadata: expect.objectContaining(METADATA), stderr: '' });
    });

    test.each<[name: string, text: () => string, args: () => string[], says: RegExp]>([
      [
        'a wrong secret',
        () => openrc().replace(/SECRET='.*'/, "SECRET='wr0ng-secret'"),
        () => [stack.name, 'server'],
        /keystone refused with HTTP 401 \([^\n]*: check the id and the secret of the application credential/,
      ],
      [
        'another region',
        () => openrc().replace('RegionOne', 'West'),
        () => [stack.name, 'server'],
        /in the region West: [^\n]*it has RegionOne; set OS_REGION_NAME/,
      ],
      [
        'no such stack',
        openrc,
        () => ['nowhere', 'server'],
        /heat refused with HTTP 404 \([^\n]*nowhere[^\n]*check --stack and --resource/,
      ],
      ['no such resource', openrc, () => [stack.name, 'nothing'], /heat refused with HTTP 404 \([^\n]*nothing/],
      [
        'no keystone at the address',
        () => openrc().replace('/v3', '/identity'),
        () => [stack.name, 'server'],
        /keystone refused with HTTP 404[^\n]*OS_AUTH_URL is the URL of keystone/,
      ],
    ])('%s', async (_, text, args, says) => {
      await leave(FILE, text());
      const [name = '', resource = ''] = args();
      const refusal = refusalOf(await ask(['-s', name, '-r', resource, '--credential-file', FILE]));
      expect(refusal).toMatch(says);
      expect(refusal).not.toContain('wr0ng');
    });

    test('cfn-init applies it', async () => {
      await leave(FILE, openrc());
      const { code, stderr } = await view().run(
        [binary('cfn-init'), '-s', stack.name, '-r', 'server', '--credential-file', FILE],
        {
          env: { PATH },
        },
      );
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('warning') });
      expect(view().read('/srv/greeting')).toBe('hello');
    });
  });

  describe('cfn-hup follows an update', () => {
    test.each<[name: string, credentialsOf: (outputs: StackState['outputs']) => string]>([
      ['an application credential', openrc],
      ['the user of the stack', ({ heat }) => JSON.stringify(heat)],
    ])('with %s', async (_, credentialsOf) => {
      const made = await cloud().createUpToWaiting(nativeGuestTemplate({ text: 'old' }));
      await leave('/etc/cfn/keys', credentialsOf(made.outputs));
      await leave('/etc/cfn/cfn-hup.conf', `[main]\nstack=${made.name}\ncredential-file=/etc/cfn/keys\ninterval=1\n`);
      await leave(
        '/etc/cfn/hooks.d/hooks.conf',
        '[text]\ntriggers=post.update\npath=Resources.server.Metadata.text\naction=echo acted >>/srv/acted\nrunas=root\n',
      );
      await view().run('rm -rf /srv/acted /var/lib/cfn-hup /var/cache/heat-cfntools');
      const pass = async (): Promise<Ended> => view().run([binary('cfn-hup'), '-f'], { env: { PATH, HOME: '/root' } });
      expect(await pass()).toMatchObject({ code: 0, stderr: '' });
      // A first sight is a change, as the guest was told nothing before.
      expect(view().read('/srv/acted')).toBe('acted\n');
      expect(await pass()).toMatchObject({ code: 0, stderr: '' });
      expect(view().read('/srv/acted')).toBe('acted\n');
      await cloud().updateStack(made, nativeGuestTemplate({ text: 'new' }));
      expect(await pass()).toMatchObject({ code: 0, stderr: '' });
      expect(view().read('/srv/acted')).toBe('acted\nacted\n');
    });
  });
});

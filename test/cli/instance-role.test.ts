import { afterEach, beforeAll, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { serveInView, type ViewAnswers, type ViewServer } from '../support/serve-in-view.ts';
import { expectSoon } from '../support/soon.ts';
import { useSandbox } from '../support/use-machine.ts';

// In a network of its own, where the metadata service's address is the loopback device's.
const view = useSandbox({}, ['ip']);
const SERVICE = { host: '169.254.169.254', port: 80 };
const ROLES = '/latest/meta-data/iam/security-credentials/';
const CREDENTIALS = JSON.stringify({
  Code: 'Success',
  Type: 'AWS-HMAC',
  AccessKeyId: 'ASIAROLEKEY',
  SecretAccessKey: 'r0le&secret#key*',
  Token: 'session-token-of-the-role',
  Expiration: '2099-01-01T00:00:00Z',
});
const METADATA = { greeting: 'hello' };
const DESCRIBED = {
  DescribeStackResourceResponse: {
    DescribeStackResourceResult: {
      StackResourceDetail: { LogicalResourceId: 'web', ResourceStatus: 'CREATE_COMPLETE', Metadata: METADATA },
    },
  },
};

let service: ViewServer | undefined;

beforeAll(async () => {
  if (process.geteuid?.() !== 0) return;
  await view().run(`ip addr add ${SERVICE.host}/32 dev lo`);
  // Only who shows the session's token is answered.
  const needs = ['x-amz-security-token', 'session-token-of-the-role'] as const;
  await serveInView(view(), { '*': { status: 200, body: JSON.stringify(DESCRIBED), needs } });
});

afterEach(async () => {
  await service?.close();
  service = undefined;
});

const getMetadata = (role: string) =>
  view().run([binary('cfn-get-metadata'), '-s', 's', '-r', 'web', '-u', 'http://127.0.0.1:8080/v1/', '--role', role], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  });

test.each<[service: string, answers: ViewAnswers]>([
  [
    'by session tokens',
    {
      '/latest/api/token': { status: 200, body: 'TOKEN' },
      [`${ROLES}web-role`]: { status: 200, body: CREDENTIALS, needs: ['x-aws-ec2-metadata-token', 'TOKEN'] },
    },
  ],
  ['without them', { [`${ROLES}web-role`]: { status: 200, body: CREDENTIALS } }],
])('a metadata service %s gives the credentials of a role', async (_, answers) => {
  service = await serveInView(view(), answers, SERVICE);
  const { code, stdout, stderr } = await getMetadata('web-role');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual(METADATA);
});

test('a role that is not there: the roles there are stand in the warning', async () => {
  await view().run(['rm', '-rf', '/var/cache/heat-cfntools', '/var/lib/heat-cfntools']);
  service = await serveInView(view(), { [ROLES]: { status: 200, body: 'web-role' } }, SERVICE);
  const { code, stdout, stderr } = await getMetadata('no-role');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/no-role.*web-role/);
});

test('cfn-signal --timeout bounds a metadata service that says nothing: exit 75', async () => {
  service = await serveInView(view(), { '*': 'silent' }, SERVICE);
  const command = [binary('cfn-signal'), '-i', 'me', '--stack', 's', '--resource', 'web', '--role', 'web-role'];
  const { code, stderr, milliseconds } = await view().run(
    [...command, '--timeout', '1', '-u', 'http://127.0.0.1:8080/v1/'],
    { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } },
  );
  expect({ code, stderr }).toEqual({
    code: 75,
    stderr: expect.stringMatching(
      /^cfn-signal: no credentials for the role "web-role" within 1 s: [^\n]*the metadata service does not answer[^\n]*\n$/,
    ),
  });
  expect(milliseconds).toBeGreaterThanOrEqual(1_000);
  await expectSoon(milliseconds, 4_000);
});

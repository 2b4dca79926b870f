import { describe, expect, it } from 'vitest';
import { codeOf, Problem } from '../../../src/errors.ts';
import {
  type CredentialOptions,
  type CredentialTools,
  findCredentials,
  isOfKeystone,
  parseCredentialFile,
} from '../../../src/heat/credentials.ts';
import { BY_HUP_CONFIG, BY_OPTIONS } from '../../../src/heat/named-by.ts';
import { Redactor } from '../../../src/redact.ts';
import type { Credentials } from '../../../src/signing/credentials.ts';
import type { Exposure } from '../../../src/system/files/trusted-path.ts';

const NONE: CredentialOptions = {
  credentialFile: undefined,
  accessKey: undefined,
  secretKey: undefined,
  role: undefined,
  isStrict: false,
  namedBy: BY_OPTIONS,
};
const FILE = 'AWSAccessKeyId=from-file\nAWSSecretKey=file-secret\n';

function rig(more: Partial<CredentialTools> = {}): { tools: CredentialTools; secrets: string[]; warnings: string[] } {
  const secrets: string[] = [];
  const warnings: string[] = [];
  const tools: CredentialTools = {
    environment: {},
    readSecretFile: async () => ({ text: FILE, exposure: undefined }),
    roleCredentials: async () => ({ accessKey: 'from-role', secretKey: 'role-secret', sessionToken: 'role-token' }),
    onSecret: (secret) => secrets.push(secret),
    warn: (text) => warnings.push(text),
    ...more,
  };
  return { tools, secrets, warnings };
}

/** The credentials, of those who sign. */
async function findKeys(wanted: CredentialOptions, tools: CredentialTools): Promise<Credentials> {
  const credentials = await findCredentials(wanted, tools);
  if (isOfKeystone(credentials)) throw new Error('credentials of keystone');
  return credentials;
}

describe('the order', () => {
  const environment = { AWS_ACCESS_KEY_ID: 'from-environment', AWS_SECRET_ACCESS_KEY: 'environment-secret' };
  const all: CredentialOptions = {
    ...NONE,
    credentialFile: '/f',
    accessKey: 'from-flags',
    secretKey: 'flag-secret',
    role: 'r',
  };

  it.each<[name: string, wanted: CredentialOptions, environment: Record<string, string>, accessKey: string]>([
    ['the file', all, environment, 'from-file'],
    ['the flags', { ...all, credentialFile: undefined }, environment, 'from-flags'],
    ['the environment', { ...NONE, role: 'r' }, environment, 'from-environment'],
    ['the role', { ...NONE, role: 'r' }, {}, 'from-role'],
    ['the role, where it comes first', { ...all, isRoleFirst: true }, environment, 'from-role'],
    ['no role that could come first', { ...all, role: '', isRoleFirst: true }, environment, 'from-file'],
    [
      'empty ones count as not given',
      { ...NONE, credentialFile: '', accessKey: '', secretKey: '', role: 'r' },
      {},
      'from-role',
    ],
  ])('%s', async (_, wanted, variables, accessKey) => {
    const { tools, secrets } = rig({ environment: variables });
    const credentials = await findKeys(wanted, tools);
    expect(credentials.accessKey).toBe(accessKey);
    expect(secrets).toContain(credentials.secretKey);
  });

  it.each([
    ['an option', BY_OPTIONS, 'no credentials for heat-api-cfn'],
    [
      'cfn-hup.conf',
      BY_HUP_CONFIG,
      'no credentials for heat-api-cfn: give credential-file= or, on AWS, role= in cfn-hup.conf',
    ],
  ])('none, where %s names them', async (_, namedBy, line) => {
    const problem = await findCredentials({ ...NONE, namedBy }, rig().tools).catch((error) => error);
    expect(codeOf(problem)).toBe('CFN_HEAT_NOT_ASKED');
    expect(problem.line).toBe(line);
  });
});

it('a session token comes from the environment, and is a secret', async () => {
  const environment = {
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 'environment-secret',
    AWS_SESSION_TOKEN: 'token',
  };
  const { tools, secrets } = rig({ environment });
  expect((await findKeys(NONE, tools)).sessionToken).toBe('token');
  expect(secrets).toEqual(['environment-secret', 'token']);
});

it.each([{ accessKey: 'a' }, { secretKey: 's3cret' }, { accessKey: 'a', secretKey: '' }])(
  'one flag without the other is a usage error: %j',
  async (flags) => {
    const { tools } = rig();
    const problem = await findCredentials({ ...NONE, credentialFile: '/f', ...flags }, tools).catch((error) => error);
    expect(problem).toMatchObject({ exitCode: 2 });
    expect(problem.line).not.toContain('s3cret');
  },
);

it.each([{ AWS_ACCESS_KEY_ID: 'a' }, { AWS_SECRET_ACCESS_KEY: 's3cret' }])(
  'half of an environment is ignored with a warning: %j',
  async (environment) => {
    const { tools, warnings } = rig({ environment });
    await expect(findCredentials(NONE, tools)).rejects.toMatchObject({ code: 'CFN_HEAT_NOT_ASKED' });
    expect(warnings).toEqual([expect.stringContaining(Object.keys(environment)[0] ?? '')]);
    expect(warnings[0]).not.toContain('s3cret');
  },
);

it.each<[what: string, more: Partial<CredentialOptions>, accessKey: string | undefined]>([
  ['the file is used', { credentialFile: '/f' }, 'from-file'],
  ['nothing else is named', {}, undefined],
])('a role that comes first, and that there is not: %s', async (_, more, accessKey) => {
  let asked = 0;
  const { tools } = rig({
    roleCredentials: async () => {
      asked++;
      throw new Problem('no such role', { where: 'r' });
    },
  });
  const found = await findKeys({ ...NONE, role: 'r', isRoleFirst: true, ...more }, tools).catch((error) => error);
  if (accessKey === undefined) expect(found).toMatchObject({ hint: 'no such role: r' });
  else expect(found).toMatchObject({ accessKey });
  expect(asked).toBe(1);
});

it('a role that cannot be had counts as no credentials, and says why', async () => {
  const { tools } = rig({
    roleCredentials: async () => {
      throw new Problem('no such role', { where: 'r' });
    },
  });
  const problem = await findCredentials({ ...NONE, role: 'r' }, tools).catch((error) => error);
  expect(codeOf(problem)).toBe('CFN_HEAT_NOT_ASKED');
  expect(problem.line).toContain('no such role');
});

describe('a key that no header can hold is an error at once, with its place and without its value', () => {
  const AWS = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 's3cret' };
  it.each<
    [what: string, wanted: Partial<CredentialOptions>, more: Partial<CredentialTools>, exitCode: number, line: RegExp]
  >([
    [
      '--access-key',
      { accessKey: 'AK\nIA', secretKey: 's3cret' },
      {},
      2,
      /^the access key \(--access-key\) has a character .* U\+000A: /,
    ],
    [
      '--secret-key',
      { accessKey: 'AKIA', secretKey: 's3cret\n' },
      {},
      2,
      /^the secret key \(--secret-key\) has .* U\+000A: /,
    ],
    [
      'the environment',
      {},
      { environment: { ...AWS, AWS_ACCESS_KEY_ID: 'a\u20ac' } },
      1,
      /^AWS_ACCESS_KEY_ID .* U\+20AC: the environment: /,
    ],
    ['a token', {}, { environment: { ...AWS, AWS_SESSION_TOKEN: 's3cret\t' } }, 1, /^AWS_SESSION_TOKEN .* U\+0009: /],
    ...(['AWSAccessKeyId=a\0b\nAWSSecretKey=s3cret', 'AWSAccessKeyId=ab\nAWSSecretKey=s3c\x07ret'] as const).map(
      (text): [string, Partial<CredentialOptions>, Partial<CredentialTools>, number, RegExp] => [
        JSON.stringify(text),
        { credentialFile: '/f' },
        { readSecretFile: async () => ({ text, exposure: undefined }) },
        1,
        /^AWS(AccessKeyId|SecretKey) has .* U\+(0000|0007): \/f: /,
      ],
    ),
    [
      'a role',
      { role: 'r' },
      { roleCredentials: async () => ({ accessKey: 'a\u{1f511}', secretKey: 's3cret' }) },
      1,
      /^the access key has .* U\+1F511: the role "r": /,
    ],
  ])('%s', async (_, wanted, more, exitCode, line) => {
    const problem = await findCredentials({ ...NONE, ...wanted }, rig(more).tools).catch((error) => error);
    expect(problem).toMatchObject({ exitCode, line: expect.stringMatching(line) });
    expect(codeOf(problem)).not.toBe('CFN_HEAT_NOT_ASKED');
    expect(problem.line).not.toContain('s3cret');
    expect(new Redactor().redact(problem.line)).toBe(problem.line);
  });
});

describe('the credential file', () => {
  it.each<[text: string, accessKey: string | undefined, secretKey: string | undefined]>([
    [FILE, 'from-file', 'file-secret'],
    [
      'AWSAccessKeyId=a\r\nAWSSecretKey=&hf9*8Dh1G0#XEEiE9BG8yDE5qDX9K7yK\r\n',
      'a',
      '&hf9*8Dh1G0#XEEiE9BG8yDE5qDX9K7yK',
    ],
    ['AWSAccessKeyId = a\nAWSSecretKey =  =b=%c;d  \n', 'a', '=b=%c;d'],
    ['\uFEFF  awsaccesskeyid=a\n\tAWSSECRETKEY=b', 'a', 'b'],
    ['AWSSecretKey=1\nAWSAccessKeyId=a\nAWSSecretKey=2', 'a', '2'],
    ['# AWSAccessKeyId=x\nAWSAccessKeyId="a b"\nAWSSecretKey=\'c\'', '"a b"', "'c'"],
    ['AWSSecretKey=\n', undefined, undefined],
    ['', undefined, undefined],
  ])('%j', (text, accessKey, secretKey) => {
    expect(parseCredentialFile(text)).toEqual({ accessKey, secretKey });
  });

  it.each<[text: string, missing: string]>([
    ['AWSAccessKeyId=a', 'no AWSSecretKey in'],
    ['AWSSecretKey=s3cret', 'no AWSAccessKeyId in'],
    ['other=1', 'there are no credentials in the credential file'],
    ['', 'the credential file is empty'],
    [' \n', 'the credential file is empty'],
  ])('%j misses %s', async (text, missing) => {
    const { tools } = rig({ readSecretFile: async () => ({ text, exposure: undefined }) });
    const problem = await findCredentials({ ...NONE, credentialFile: '/f' }, tools).catch((error) => error);
    expect(problem.line).toContain(missing);
    expect(problem.line).toContain('/f');
    expect(problem.line).not.toContain('s3cret');
    expect(codeOf(problem)).not.toBe('CFN_HEAT_NOT_ASKED');
  });

  it.each<[exposure: Exposure, says: string]>([
    [{ kind: 'mode' }, 'others can read or change the credential file: /f: chmod 600 it'],
    [
      { kind: 'owner', uid: 1000 },
      'the credential file belongs to another user, 1000: /f: chown it to root, and chmod 600 it',
    ],
    [
      { kind: 'place', path: '/open', hint: 'chmod go-w /open' },
      'others can replace the credential file: /f: /open is not safe: chmod go-w /open',
    ],
  ])('that is not private, %j: a warning, refused when strict', async (exposure, says) => {
    const { tools, warnings, secrets } = rig({ readSecretFile: async () => ({ text: FILE, exposure }) });
    const wanted = { ...NONE, credentialFile: '/f' };
    expect((await findKeys(wanted, tools)).accessKey).toBe('from-file');
    expect(warnings).toEqual([says]);
    await expect(findCredentials({ ...wanted, isStrict: true }, tools)).rejects.toHaveProperty('line', says);
    expect(secrets).toContain('file-secret');
  });
});

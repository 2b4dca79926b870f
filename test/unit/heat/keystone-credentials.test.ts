import { describe, expect, it } from 'vitest';
import { Problem } from '../../../src/errors.ts';
import { decodeHandedOut, decodeVariables, parseOpenrc } from '../../../src/heat/keystone-credentials.ts';

const SOURCE = { place: 'in the credential file', where: '/f' };
const APPLICATION = {
  OS_AUTH_URL: 'https://k:5000/v3',
  OS_APPLICATION_CREDENTIAL_ID: 'id',
  OS_APPLICATION_CREDENTIAL_SECRET: 's3cret',
};
const PASSWORD = {
  OS_AUTH_URL: 'https://k:5000/v3',
  OS_USERNAME: 'anne',
  OS_USER_DOMAIN_NAME: 'Default',
  OS_PASSWORD: 's3cret',
  OS_PROJECT_ID: 'p',
};
const lineOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof Problem) return error.line;
    throw error;
  }
  return 'nothing is wrong';
};

describe('the lines of an openrc file', () => {
  it.each<[line: string, value: string]>([
    ['OS_X=plain', 'plain'],
    ['export OS_X=plain', 'plain'],
    ['  export OS_X="two words"', 'two words'],
    ['OS_X=\'it is $5 "now"\'', 'it is $5 "now"'],
    ['OS_X="a \\"quote\\", a \\$ and a \\\\"', 'a "quote", a $ and a \\'],
    ['OS_X=a\\ b', 'a b'],
    ['OS_X="a"\'b\'c', 'abc'],
    ['OS_X=plain # a comment', 'plain'],
    ['OS_X=with#hash', 'with#hash'],
    ['OS_X = blanks', 'blanks'],
    ['OS_X=windows\r', 'windows'],
    ['\uFEFFOS_X=mark', 'mark'],
    ['OS_X=first\nOS_X=last', 'last'],
    ['OS_X=Grüße', 'Grüße'],
    ['OS_X=', ''],
    ['#OS_X=no\nOS_X=yes', 'yes'],
    ['export OS_X=plain;', 'plain'],
    ['OS_X="a;b&c"; echo', 'a;b&c'],
    ['declare -x OS_X="plain"', 'plain'],
    ['OS_X=$FIRST\nOS_X=last', 'last'],
  ])('%j', (text, value) => {
    expect(parseOpenrc(text)).toEqual({ variables: { OS_X: value }, unclear: new Set() });
  });

  it('other lines are somebody else’s', () => {
    const text =
      'unset OS_TENANT_ID\nif [ -z "$OS_REGION_NAME" ]; then unset OS_REGION_NAME; fi\necho "please: "\nread -sr OS_PASSWORD_INPUT\n';
    expect(parseOpenrc(text)).toEqual({ variables: {}, unclear: new Set() });
  });

  it.each(['export OS_X=1 OS_Y="2 3" OS_Z=4', 'OS_X=1; export OS_Y="2 3";OS_Z=4;'])('several: %s', (text) => {
    expect(parseOpenrc(text).variables).toEqual({ OS_X: '1', OS_Y: '2 3', OS_Z: '4' });
  });

  it('what nobody needs may be unclear', () => {
    const { variables, unclear } = parseOpenrc('OS_USER_AGENT=$(date)\nOS_AUTH_URL=http://k:5000');
    expect(unclear).toEqual(new Set(['OS_USER_AGENT']));
    expect(decodeVariables({ ...APPLICATION, ...variables }, SOURCE, unclear)).toBeDefined();
  });

  it.each(['$OS_PASSWORD_INPUT', '"$PASS"', '`pass show x`', '$(cat /p)', '"open', "'open"])(
    'is not run: %s',
    (value) => {
      const { variables, unclear } = parseOpenrc(`export OS_PASSWORD=${value}`);
      expect(lineOf(() => decodeVariables({ ...PASSWORD, ...variables }, SOURCE, unclear))).toBe(
        'OS_PASSWORD is not a plain value: /f: variables and commands are not run here: write the value itself',
      );
    },
  );
});

describe('variables', () => {
  it.each([
    ['an application credential', APPLICATION, { kind: 'application', id: 'id', secret: 's3cret' }],
    [
      'a user by name',
      PASSWORD,
      {
        kind: 'password',
        user: { name: 'anne', domain: { name: 'Default' } },
        password: 's3cret',
        project: { id: 'p' },
      },
    ],
    [
      'a user by id, a project by name',
      {
        ...{ OS_AUTH_URL: 'https://k:5000', OS_USER_ID: 'u', OS_USERNAME: 'anne', OS_PASSWORD: 's3cret' },
        ...{ OS_PROJECT_NAME: 'demo', OS_PROJECT_DOMAIN_ID: 'd' },
      },
      { kind: 'password', user: { id: 'u' }, password: 's3cret', project: { name: 'demo', domain: { id: 'd' } } },
    ],
    [
      'both, where OS_AUTH_TYPE decides',
      { ...PASSWORD, ...APPLICATION, OS_AUTH_TYPE: 'v3applicationcredential' },
      { kind: 'application', id: 'id', secret: 's3cret' },
    ],
    [
      'a project that is called a tenant, as in old files',
      { ...PASSWORD, OS_PROJECT_ID: '', OS_TENANT_NAME: 'demo', OS_PROJECT_DOMAIN_NAME: 'Default' },
      {
        ...{ kind: 'password', user: { name: 'anne', domain: { name: 'Default' } }, password: 's3cret' },
        project: { name: 'demo', domain: { name: 'Default' } },
      },
    ],
  ])('%s', (_, variables, identity) => {
    expect(decodeVariables(variables, SOURCE)).toEqual({
      ...{ authUrl: 'https://k:5000', identity, region: undefined, interface: 'public', caFile: undefined },
      isHandedOut: false,
    });
  });

  it('say where to look, and whom to trust', () => {
    const more = { OS_REGION_NAME: 'West', OS_INTERFACE: 'internalURL', OS_CACERT: '/ca.pem' };
    expect(decodeVariables({ ...APPLICATION, ...more }, SOURCE)).toMatchObject({
      ...{ region: 'West', interface: 'internal', caFile: '/ca.pem' },
    });
  });

  it.each([
    ['https://k/identity', 'https://k/identity'],
    ['https://k/identity/v3/', 'https://k/identity'],
    ['http://k:5000/v2.0', 'http://k:5000'],
    ['http://k:5000///', 'http://k:5000'],
    [' http://k:5000/v3 ', 'http://k:5000'],
  ])('OS_AUTH_URL=%s', (url, authUrl) => {
    expect(decodeVariables({ ...APPLICATION, OS_AUTH_URL: url }, SOURCE)?.authUrl).toBe(authUrl);
  });

  it.each([{}, { OS_REGION_NAME: 'r' }, { OS_AUTH_URL: '' }])('that are none of keystone’s: %j', (variables) => {
    expect(decodeVariables(variables, SOURCE)).toBeUndefined();
  });

  it.each<[name: string, says: string]>([
    ['OS_AUTH_URL', 'no OS_AUTH_URL in the credential file: /f: add it'],
    ['OS_USERNAME', 'no OS_USERNAME and no OS_USER_ID in the credential file: /f: add it'],
    [
      'OS_USER_DOMAIN_NAME',
      'no OS_USER_DOMAIN_NAME and no OS_USER_DOMAIN_ID in the credential file: /f: add it; most clouds have one domain, Default',
    ],
    ['OS_PASSWORD', 'no OS_PASSWORD in the credential file: /f: add it'],
    ['OS_PROJECT_ID', 'no OS_PROJECT_NAME and no OS_PROJECT_ID in the credential file: /f: add it'],
  ])('without %s', (name, says) => {
    expect(lineOf(() => decodeVariables({ ...PASSWORD, [name]: ' ' }, SOURCE))).toBe(says);
  });

  it.each(['OS_APPLICATION_CREDENTIAL_ID', 'OS_APPLICATION_CREDENTIAL_SECRET'])('without %s', (name) => {
    const line = lineOf(() => decodeVariables({ ...APPLICATION, [name]: undefined }, SOURCE));
    expect(line).toBe(`no ${name} in the credential file: /f: add it`);
  });

  it.each<[variables: Record<string, string>, says: string]>([
    [PASSWORD, 'an application credential and a password in the credential file: /f: leave out one of them'],
    [
      { OS_AUTH_URL: 'k:5000' },
      'OS_AUTH_URL is not the URL of keystone: /f: as in https://HOST:5000/v3, without a user or a query',
    ],
    [{ OS_AUTH_URL: 'https://me:pw@k:5000' }, 'OS_AUTH_URL is not the URL of keystone'],
    [
      { OS_AUTH_TYPE: 'v3oidcpassword' },
      'OS_AUTH_TYPE is "v3oidcpassword": /f: there are password and v3applicationcredential',
    ],
    [{ OS_INTERFACE: 'secret' }, 'no interface "secret": /f: OS_INTERFACE is public, internal, admin'],
  ])('%j besides', (more, says) => {
    const line = lineOf(() => decodeVariables({ ...APPLICATION, ...more }, SOURCE));
    expect(line).toContain(says);
    expect(line).not.toMatch(/s3cret|pw/);
  });
});

describe('what Heat hands out', () => {
  const HEAT = {
    ...{ user_id: 'u', password: 's3cret', auth_url: 'http://k:5000/v3/', project_id: 'p' },
    ...{ stack_id: 's/1', resource_name: 'server', region_name: null },
  };
  const IDENTITY = { kind: 'password', user: { id: 'u' }, password: 's3cret', project: { id: 'p' } };

  it.each([
    ['as it is', HEAT],
    ['in os-collect-config', { heat: HEAT, collectors: ['heat'] }],
    ['in the metadata', { 'os-collect-config': { heat: HEAT } }],
    ['a handle', { ...HEAT, username: 'name', domain_id: 'd', alarm_url: 'http://h', region_name: '' }],
  ])('%s', (_, value) => {
    expect(decodeHandedOut(value, SOURCE)).toEqual({
      ...{ authUrl: 'http://k:5000', identity: IDENTITY, region: undefined, interface: 'public', caFile: undefined },
      isHandedOut: true,
    });
  });

  it('a user by name', () => {
    const value = { ...HEAT, user_id: null, username: 'name', domain_id: 'd', region_name: 'West' };
    expect(decodeHandedOut(value, SOURCE)).toMatchObject({
      ...{ region: 'West', identity: { ...IDENTITY, user: { name: 'name', domain: { id: 'd' } } } },
    });
  });

  it.each<[value: unknown, says: string]>([
    [{ ...HEAT, auth_url: undefined }, 'no auth_url in the credential file'],
    [{ ...HEAT, user_id: undefined }, 'no user_id and no username in the credential file'],
    [{ ...HEAT, password: '' }, 'no password in the credential file'],
    [{ ...HEAT, project_id: 1 }, 'no project_id in the credential file'],
    [{ alarm_url: 'http://h' }, 'no auth_url in the credential file'],
    [[HEAT], 'no auth_url in the credential file'],
  ])('%j', (value, says) => {
    expect(lineOf(() => decodeHandedOut(value, SOURCE))).toBe(
      `${says}: /f: what Heat hands out has it: a handle with HEAT_SIGNAL, or a server with software_config_transport: POLL_SERVER_HEAT`,
    );
  });
});

import { chmodSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../../src/hup/check.ts';
import { createAccounts } from '../../../src/system/accounts/door.ts';
import { systemClock } from '../../../src/system/clock.ts';
import { absolutePath } from '../../../src/system/files/path.ts';
import type { Environment, Exec } from '../../../src/system/programs/exec.ts';
import { temporaryRoot, us } from '../temporary-root.ts';

const MAIN = '[main]\nstack=s\ninterval=2\n';
const HOOK = '[h]\ntriggers=post.update\npath=Resources.Web.Metadata\naction=true\n';
/** What cloud-init has brought, and credentials. */
const READY = {
  '/var/lib/heat-cfntools/cfn-metadata-server': 'http://h:8000/v1/',
  '/etc/default/cfn-hup': 'AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY="b"\n',
};
const KEYS = 'AWSAccessKeyId=AK\nAWSSecretKey=SK\n';

type Check = [files: Record<string, string>, lines: string[], exitCode: number];

async function check(
  given: Readonly<Record<string, string>>,
  option?: string,
  programs: readonly string[] = ['setpriv'],
  { environment = {}, roles = '' }: { readonly environment?: Environment; readonly roles?: string } = {},
) {
  const credentials = { AccessKeyId: 'a', SecretAccessKey: 'b' };
  const { root, files } = temporaryRoot();
  // Root's number is that of the one who runs the tests: hooks of root run without a change of user.
  const passwd = `root:x:${us.uid}:${us.gid}::/root:/bin/sh\nother:x:4711:4711::/:/bin/sh\n`;
  for (const [name, content] of Object.entries({ '/etc/passwd': passwd, ...READY, ...given })) {
    const [path = '', mode, time] = name.split(' ');
    mkdirSync(dirname(root + path), { recursive: true, mode: 0o755 });
    if (path.endsWith('/')) mkdirSync(root + path);
    else writeFileSync(root + path, content);
    chmodSync(root + path, Number.parseInt(mode ?? '600', 8));
    if (time !== undefined) utimesSync(root + path, new Date(time), new Date(time));
  }
  const exec = { find: (name: string) => (programs.includes(name) ? `/usr/bin/${name}` : undefined) } as Exec;
  const system: Parameters<typeof checkConfig>[0] = {
    files,
    exec,
    environment,
    clock: systemClock,
    http: {
      exchange: async ({ url }) => ({
        status: url.endsWith('/security-credentials/') || url.endsWith('/there') ? 200 : 404,
        headers: {},
        body: url.endsWith('/there') ? JSON.stringify(credentials) : roles,
      }),
      download: () => Promise.reject(new Error('not expected')),
    },
    accounts: createAccounts(files, exec),
    self: us,
    absolutePath,
  };
  return checkConfig(system, option);
}

it.each<Check>([
  [
    { '/etc/cfn/cfn-hup.conf': MAIN, '/etc/cfn/hooks.conf': HOOK },
    [
      '/etc/cfn/cfn-hup.conf: stack s, polled every 120 s',
      '/etc/cfn/hooks.conf: hook [h]: post.update of Resources.Web.Metadata, run as root',
      '1 hook, no problems',
    ],
    0,
  ],
  [
    {
      '/etc/cfn/cfn-hup.conf': `${MAIN}credential-file=/etc/cfn/keys\nurrl=x\n`,
      '/etc/cfn/keys': KEYS,
      '/etc/cfn/hooks.d/a': `${HOOK}${HOOK.replace('[h]', '[i]')}`,
    },
    [
      'warning: /etc/cfn/cfn-hup.conf:5: unknown key urrl: did you mean url?',
      '/etc/cfn/cfn-hup.conf: stack s, polled every 120 s',
      '/etc/cfn/hooks.d/a: hook [h]: post.update of Resources.Web.Metadata, run as root',
      '/etc/cfn/hooks.d/a: hook [i]: post.update of Resources.Web.Metadata, run as root',
      '2 hooks, no problems',
    ],
    0,
  ],
  [
    {
      '/etc/cfn/cfn-hup.conf': MAIN,
      '/etc/cfn/hooks.conf': HOOK,
      '/run/cfn-hup/last-answer.json': JSON.stringify(
        Object.fromEntries(
          Object.entries({ other: 'x', s: 'forbidden: ask the operator' }).map(([stack, line]) => [
            `/etc/cfn/cfn-hup.conf ${stack}`,
            { kind: 'forbidden', line, since: '2026-11-22T12:00:00Z', asked: '2026-11-22T12:00:00Z' },
          ]),
        ),
      ),
    },
    [
      'warning: at the last pass: forbidden: ask the operator',
      '/etc/cfn/cfn-hup.conf: stack s, polled every 120 s',
      '/etc/cfn/hooks.conf: hook [h]: post.update of Resources.Web.Metadata, run as root',
      '1 hook, no problems',
    ],
    0,
  ],
  [
    {
      '/etc/cfn/cfn-hup.conf': MAIN,
      '/etc/cfn/hooks.conf': `${HOOK.replace('true', 'cfn-init -r Web -c b')}[i]\ntriggers=post.add\npath=Resources.Db.Metadata\naction=cfn-init -r Web -s t runas=root\n`,
      '/var/cache/heat-cfntools/last_metadata_Web': '{"AWS::CloudFormation::Init": {"configSets": {"a": []}}}',
    },
    [
      '/etc/cfn/hooks.conf:8: hook [i]: runas= is on the line of action: start a new line before runas=',
      'warning: /etc/cfn/hooks.conf:4: hook [h]: the action fails with the metadata of Web: no config set "b": there are: a',
      'warning: /etc/cfn/hooks.conf:8: hook [i]: the path follows Db, and the action applies Web: an update of Web alone does not run the action: name the same resource in both',
      'warning: /etc/cfn/hooks.conf:8: hook [i]: the action applies the stack t, and cfn-hup.conf follows s: name the same stack in both',
      '1 problem, 2 hooks without problems',
    ],
    1,
  ],
  [
    { '/etc/cfn/cfn-hup.conf': MAIN },
    [
      'warning: /etc/cfn/hooks.conf, /etc/cfn/hooks.d: there are no hooks: add some there',
      '/etc/cfn/cfn-hup.conf: stack s, polled every 120 s',
      '0 hooks, no problems',
    ],
    0,
  ],
  [{}, ['there is no such file: /etc/cfn/cfn-hup.conf: write it with [main] and a line stack=NAME'], 1],
  [
    {
      '/etc/cfn/cfn-hup.conf': '[main]\ninterval=soon\n',
      '/etc/cfn/hooks.conf': `${HOOK}runas=nobody-here\n[bad]\naction=x\npath=Resources.Web\ntriggers=post.upd\nx=y\nrunas=me\n`,
      '/etc/cfn/hooks.d/b 666': HOOK,
      '/etc/cfn/hooks.d/c': 'nonsense',
    },
    [
      '/etc/cfn/cfn-hup.conf:1: [main] names no stack: add a line stack=NAME',
      '/etc/cfn/cfn-hup.conf:2: interval is "soon": give minutes, or a time such as 30s, 2m or 1h, from 1s to a week',
      '/etc/cfn/hooks.d/b: other users may write to it, so it is not used: chmod go-w /etc/cfn/hooks.d/b',
      '/etc/cfn/hooks.d/c:1: text before the first section: the file is not used: begin it with a line [NAME]',
      '/etc/cfn/hooks.conf:9: hook [bad]: unknown trigger "post.upd": did you mean post.update?',
      '/etc/cfn/hooks.conf:5: hook [h]: there is no user nobody-here: create the user, or correct runas',
      '/etc/cfn/hooks.conf:11: hook [bad]: there is no user me: create the user, or correct runas',
      'warning: /etc/cfn/hooks.conf:10: unknown key x: ignored',
      '7 problems, 1 hook without problems',
    ],
    1,
  ],
  [
    { '/etc/cfn/cfn-hup.conf': `${MAIN}credential-file=/etc/cfn/keys\n`, '/etc/cfn/hooks.conf': HOOK },
    [
      '/etc/cfn/cfn-hup.conf:4: there is no file /etc/cfn/keys: create it, or correct credential-file',
      '1 problem, 1 hook without problems',
    ],
    1,
  ],
  [
    {
      '/etc/cfn/cfn-hup.conf': `${MAIN}credential-file=/etc/cfn/keys\n`,
      '/etc/cfn/keys 644': 'AWSAccessKeyId=AK\nAWSSecret=SK\n',
      '/etc/cfn/hooks.conf': HOOK,
    },
    [
      'no AWSSecretKey in the credential file: /etc/cfn/keys: add the line',
      'others can read or change the credential file: /etc/cfn/keys: chmod 600 it',
      '2 problems, 1 hook without problems',
    ],
    1,
  ],
  [
    {
      '/etc/cfn/cfn-hup.conf': `${MAIN}credential-file=/etc/cfn/open/keys\n`,
      '/etc/cfn/open/ 777': '',
      '/etc/cfn/open/keys': KEYS,
      '/etc/cfn/hooks.conf': HOOK,
    },
    [
      'others can replace the credential file: /etc/cfn/open/keys: /etc/cfn/open is not safe: chmod go-w /etc/cfn/open',
      '1 problem, 1 hook without problems',
    ],
    1,
  ],
  [
    { '/etc/cfn/cfn-hup.conf': `${MAIN}credential-file=/etc/cfn\n`, '/etc/cfn/hooks.conf': HOOK },
    ['not a regular file: /etc/cfn', '1 problem, 1 hook without problems'],
    1,
  ],
  [
    {
      '/etc/cfn/cfn-hup.conf': `${MAIN}credential-file=/etc/cfn/keys\n`,
      '/etc/cfn/keys': '\n',
      '/etc/cfn/hooks.conf': HOOK,
    },
    [
      'the credential file is empty: /etc/cfn/keys: it needs the lines AWSAccessKeyId and AWSSecretKey, or the OS_ lines of an openrc file',
      '1 problem, 1 hook without problems',
    ],
    1,
  ],
  [
    { '/etc/cfn/cfn-hup.conf': '[mian]\nstack=s\n', '/etc/cfn/hooks.conf': HOOK },
    ['/etc/cfn/cfn-hup.conf:1: unknown section [mian]: did you mean [main]?', '1 problem, 1 hook without problems'],
    1,
  ],
])('%j', async (files, lines, exitCode) => {
  expect(await check(files)).toEqual({ lines, exitCode });
});

describe('what it takes to ask Heat', () => {
  const NO_ADDRESS =
    'no address is set for heat-api-cfn: /var/lib/heat-cfntools/cfn-metadata-server, /var/lib/heat-cfntools/cfn-boto-cfg: use url= in cfn-hup.conf, or on AWS region= in cfn-hup.conf';
  const AWS = 'give role= (the role of this instance) or credential-file=';
  const ENVIRONMENT = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };
  const OPENRC =
    'export OS_AUTH_URL=https://k:5000/v3\nexport OS_APPLICATION_CREDENTIAL_ID=i\nexport OS_APPLICATION_CREDENTIAL_SECRET="s"\n';

  it.each<[name: string, credentials: string, lines: readonly string[]]>([
    ['an openrc file, which needs no address', OPENRC, []],
    ['what Heat hands out', '{"auth_url": "http://k:5000/v3", "user_id": "u", "password": "p", "project_id": "p"}', []],
    [
      'an openrc file with a line missing',
      OPENRC.replace(/.*SECRET.*/, ''),
      ['no OS_APPLICATION_CREDENTIAL_SECRET in the credential file: /etc/cfn/keys: add it'],
    ],
    [
      'both kinds',
      OPENRC + KEYS,
      [
        'lines of AWS and of OpenStack in the credential file: /etc/cfn/keys: leave out AWSAccessKeyId and AWSSecretKey, or the OS_ lines',
      ],
    ],
  ])('%s', async (_, credentials, lines) => {
    const files = {
      ...bare,
      '/etc/cfn/cfn-hup.conf': `${MAIN}credential-file=/etc/cfn/keys\n`,
      ...{ '/etc/cfn/keys': credentials, '/etc/cfn/hooks.conf': HOOK },
    };
    const found = await check(files);
    if (lines.length === 0) expect(found.exitCode).toBe(0);
    else expect(found).toEqual({ lines: [...lines, '1 problem, 1 hook without problems'], exitCode: 1 });
  });

  it('a url of heat-api-cfn beside keystone credentials', async () => {
    const { lines, exitCode } = await check({
      '/etc/cfn/cfn-hup.conf': `${MAIN}credential-file=/etc/cfn/keys\nurl=http://h:8000/v1\n`,
      ...{ '/etc/cfn/keys': OPENRC, '/etc/cfn/hooks.conf': HOOK },
    });
    expect(exitCode).toBe(0);
    expect(lines.join('\n')).toContain(
      "url= looks like heat-api-cfn; with keystone credentials it must be the address of heat's own API",
    );
  });

  const bare = { '/var/lib/heat-cfntools/cfn-metadata-server': '', '/etc/default/cfn-hup': '# nothing\n' };

  it.each<
    [what: string, main: string, found: string[], rest?: { files?: object; environment?: Environment; roles?: string }]
  >([
    ['neither address nor credentials', '', [NO_ADDRESS, 'no credentials for heat-api-cfn: give credential-file=']],
    [
      'empty ones',
      'url=\ncredential-file=\nrole=\n',
      [NO_ADDRESS, 'no credentials for heat-api-cfn: give credential-file='],
    ],
    ['no role on AWS', 'region=eu-central-1\n', [`no credentials for heat-api-cfn: ${AWS}`]],
    [
      'nor there by its URL',
      'url=https://cloudformation.eu-central-1.amazonaws.com/\n',
      [`no credentials for heat-api-cfn: ${AWS}`],
    ],
    [
      'an instance without a role',
      'region=eu-central-1\nrole=web\n',
      [
        'the metadata service has no such role: the role "web": this instance has no role; attach one, or give credential-file= in cfn-hup.conf',
      ],
    ],
    [
      'another role',
      'region=eu-central-1\nrole=web\n',
      ['the metadata service has no such role: the role "web": available: db'],
      { roles: 'db' },
    ],
    ['a role that the instance has', 'region=eu-central-1\nrole=there\n', []],
    [
      'a role that the instance has, before a file that is not read then',
      'region=eu-central-1\nrole=there\ncredential-file=/etc/cfn/missing\n',
      ['credential-file is used only where there is no such role: role is also set'],
    ],
    [
      'a file where there is no such role',
      'region=eu-central-1\nrole=web\ncredential-file=/etc/cfn/missing\n',
      [
        'there is no file /etc/cfn/missing: create it, or correct credential-file',
        'credential-file is used only where there is no such role: role is also set',
      ],
    ],
    [
      'half of the credentials',
      'url=http://h:8000/v1/\n',
      ['no credentials for heat-api-cfn: give credential-file='],
      { environment: { AWS_ACCESS_KEY_ID: 'a' } },
    ],
    [
      'half of the variables of keystone',
      '',
      [
        'no OS_PASSWORD in the environment: add it',
        'the credentials come from the environment of this call, which cfn-hup.service does not have: put them into /etc/default/cfn-hup, or give credential-file= or, on AWS, role= in cfn-hup.conf',
      ],
      { environment: { OS_AUTH_URL: 'http://k:5000', OS_USER_ID: 'u' } },
    ],
    [
      'half of them, for the unit',
      '',
      ['no OS_PASSWORD in the environment: /etc/default/cfn-hup: add it'],
      { files: { '/etc/default/cfn-hup': 'OS_AUTH_URL="http://k:5000"\nOS_USER_ID=u\n' } },
    ],
    [
      'a url that is none',
      'url=http://u@h/\n',
      ['url is not the base URL of an API: as in http://HOST:8000/v1/, without a user or a query'],
      { files: READY },
    ],
    ['an address that cloud-init has brought', '', [], { files: READY }],
    [
      'credentials of the caller alone',
      'url=http://h:8000/v1/\n',
      [
        'the credentials come from the environment of this call, which cfn-hup.service does not have: put them into /etc/default/cfn-hup, or give credential-file= or, on AWS, role= in cfn-hup.conf',
      ],
      { environment: ENVIRONMENT },
    ],
    [
      'an address that is none',
      '',
      [`${NO_ADDRESS}`, 'not the URL of a server: /var/lib/heat-cfntools/cfn-metadata-server: ignored'],
      { files: { ...READY, '/var/lib/heat-cfntools/cfn-metadata-server': 'nonsense' } },
    ],
  ])('%s', async (_, main, found, { files = {}, environment = {}, roles = '' } = {}) => {
    const given = {
      ...bare,
      ...files,
      '/etc/cfn/cfn-hup.conf': `[main]\nstack=s\n${main}`,
      '/etc/cfn/hooks.conf': HOOK,
    };
    const { lines } = await check(given, undefined, ['setpriv'], { environment, roles });
    const places = /^(?:warning: )?(?:\/etc\/cfn\/cfn-hup\.conf:\d: |AWS_ACCESS_KEY_ID: |OS_AUTH_URL: )?/;
    const remarks = lines.filter(
      (line) => !/^\/etc\/cfn\/(?:cfn-hup\.conf: stack|hooks)|\d hooks? without problems$|no problems$/.test(line),
    );
    expect(remarks.map((line) => line.replace(places, ''))).toEqual(found);
  });
});

it('does not take metadata of an earlier instance for what the action applies', async () => {
  const documents = ['old', 'new'].map((set) => `{"AWS::CloudFormation::Init": {"configSets": {"${set}": []}}}`);
  const { lines } = await check({
    '/etc/cfn/cfn-hup.conf': MAIN,
    '/etc/cfn/hooks.conf': HOOK.replace('action=true', 'action=cfn-init -s s -r Web -c new'),
    '/var/cache/heat-cfntools/last_metadata_Web 600 2026-01-01T00:00:00Z': documents[0] ?? '',
    '/var/lib/heat-cfntools/cfn-init-data 600 2026-02-01T00:00:00Z': documents[1] ?? '',
  });
  expect(lines.filter((line) => line.includes('warning'))).toEqual([]);
});

it('finds that -c leads nowhere', async () => {
  expect(await check({}, '/nowhere')).toEqual({
    lines: [
      'there is no such directory: /nowhere: name a directory with a cfn-hup.conf, or a hooks directory for /etc/cfn/cfn-hup.conf',
    ],
    exitCode: 1,
  });
});

it('finds what another user cannot be without', async () => {
  const files = { '/etc/cfn/cfn-hup.conf': MAIN, '/etc/cfn/hooks.conf': `${HOOK}runas=other\n` };
  expect((await check(files, undefined, [])).lines[0]).toBe(
    '/etc/cfn/hooks.conf:5: hook [h]: cannot run as other without setpriv: install util-linux',
  );
  const able = await check(files);
  if (us.uid === 0) expect(able.exitCode).toBe(0);
  else
    expect(able.lines[0]).toBe('/etc/cfn/hooks.conf:5: hook [h]: only root can run it as other: run cfn-hup as root');
});

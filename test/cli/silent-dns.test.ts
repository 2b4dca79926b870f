/** A name server that never answers: no command may wait for the lookup longer than its own deadline, not even at its end. */
import { beforeAll, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { expectSoon } from '../support/soon.ts';
import { isRoot, useSandbox } from '../support/use-machine.ts';

const view = useSandbox({}, ['python3']);

/** Listens as a name server does, and says nothing. */
const SILENT = `
import socket, time
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.1', 53))
print('there', flush=True)
time.sleep(600)
`;
const URL = 'http://heat.example.test:8000/v1/';
/** Less than the 10 seconds and more that the resolver takes. */
const SOON = 5000;

beforeAll(async () => {
  if (!isRoot) return;
  const { stdout } = await view().run(
    `rm -f /etc/resolv.conf; echo 'nameserver 127.0.0.1' >/etc/resolv.conf
     sed -i 's/^hosts:.*/hosts: files dns/' /etc/nsswitch.conf
     echo '127.0.0.1 heat.in-hosts.test' >>/etc/hosts
     rm -rf /var/cache/heat-cfntools
     mkdir -m 700 -p /var/lib/heat-cfntools
     printf '[Boto]\\nhttp_socket_timeout = 1\\nnum_retries = 1\\nmax_retry_delay = 1\\n' >/var/lib/heat-cfntools/cfn-boto-cfg
     echo i-1 >/var/lib/cloud/data/instance-id || { mkdir -p /var/lib/cloud/data && echo i-1 >/var/lib/cloud/data/instance-id; }
     setsid python3 -c "$0" </dev/null >/run/silent 2>&1 & disown
     for _ in $(seq 100); do grep -q there /run/silent 2>/dev/null && break; sleep 0.1; done; cat /run/silent`.replace(
      '$0',
      SILENT,
    ),
  );
  expect(stdout).toContain('there');
});

describe('with a name server that never answers', () => {
  test('cfn-signal --timeout ends in time: exit 75', async () => {
    const { code, stderr, milliseconds } = await view().run([
      ...[binary('cfn-signal'), '-i', 'me', '--timeout', '1', `${URL}handle`],
    ]);
    expect({ code, stderr }).toEqual({
      code: 75,
      stderr: expect.stringMatching(/^cfn-signal: [^\n]*not accepted within 1 s[^\n]*timed out after 1 s\n$/),
    });
    await expectSoon(milliseconds, SOON);
  });

  test.each<[command: string, ...args: string[]]>([
    ['cfn-get-metadata', '-s', 's', '-r', 'r'],
    ['cfn-init', '-s', 's', '-r', 'r'],
  ])('%s falls back, or fails, when its attempts are over', async (command, ...args) => {
    const access = ['--url', URL, '--access-key', 'AK', '--secret-key', 's3cret-key'];
    const { code, stderr, milliseconds } = await view().run([binary(command), ...args, ...access]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/timed out after 1 s\n$/) });
    await expectSoon(milliseconds, SOON);
  });

  test('cfn-hup -f makes its pass', async () => {
    const hook = '[h]\\ntriggers=post.update\\npath=Resources.r.Metadata\\naction=true\\n';
    await view().run(
      `mkdir -p /etc/cfn; printf '[main]\\nstack=s\\nurl=${URL}\\ncredential-file=/etc/cfn/keys\\n' >/etc/cfn/cfn-hup.conf
       printf '${hook}' >/etc/cfn/hooks.conf; printf 'AWSAccessKeyId=AK\\nAWSSecretKey=s3cret-key\\n' >/etc/cfn/keys
       chmod 600 /etc/cfn/*`,
    );
    const { code, milliseconds } = await view().run([binary('cfn-hup'), '-f']);
    expect({ code, log: view().read('/var/log/cfn-hup.log') }).toEqual({
      code: 1,
      log: expect.stringContaining('timed out after 1 s'),
    });
    await expectSoon(milliseconds, SOON);
  });

  test('the last words are in the log', async () => {
    await view().run('rm -f /var/log/cfn-signal.log');
    await view().run([binary('cfn-signal'), '-i', 'me', '--timeout', '1', `${URL}handle`]);
    expect(view().read('/var/log/cfn-signal.log')).toMatch(/ERROR the signal was not accepted within 1 s/);
  });

  test('a name of /etc/hosts is still found', async () => {
    const { stderr } = await view().run([
      binary('cfn-signal'),
      '-i',
      'me',
      '--timeout',
      '1',
      'http://heat.in-hosts.test:9/x',
    ]);
    expect(stderr).toMatch(/nothing listens there/);
  });
});

import { beforeEach, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { metadata } from '../support/cfn-init.ts';
import { useSandbox } from '../support/use-machine.ts';

const view = useSandbox();
const DATA = '/var/lib/cloud/data';
const FILES = ['cfn-init-data', 'cfn-boto-cfg', 'cfn-userdata', 'cfn-metadata-server'];
const OURS = ['/var/lib/heat-cfntools', '/var/cache/heat-cfntools'];

/** As heat's part handler leaves it, and directories that somebody made by hand. */
beforeEach(async () => {
  const { stderr } = await view().run(`
    rm -rf ${DATA} ${OURS.join(' ')} /var/log/cfn-* /srv; umask 022; mkdir -p ${DATA} ${OURS.join(' ')} /srv
    for name in ${FILES.join(' ')}; do echo x >${DATA}/$name; done
    echo '${metadata({})}' >${DATA}/cfn-init-data; echo '${metadata({})}' >/srv/document.json`);
  expect(stderr).toBe('');
});

async function modes(paths: readonly string[] = [...FILES.map((name) => `${DATA}/${name}`), ...OURS]): Promise<string> {
  return (await view().run(['stat', '-c', '%a', ...paths])).stdout.trim().replaceAll('\n', ' ');
}

test.each<[string, readonly string[]]>([
  ['cfn-init', ['/srv/document.json']],
  ['cfn-init', []],
  ['cfn-signal', ['-i', 'me', '--timeout', '0.1', 'http://127.0.0.1:9/x']],
  ['cfn-get-metadata', ['-s', 's', '-r', 'r']],
  ['cfn-hup', ['--check']],
  ['cfn-hup', ['-f']],
  ['cfn-create-aws-symlinks', []],
  ['cfn-push-stats', []],
])('%s %j closes what others could read, without a word', async (command, args) => {
  expect(await modes()).toBe('644 644 644 644 755 755');
  const { stdout, stderr } = await view().run([binary(command), ...args]);
  expect(await modes()).toBe('600 600 700 644 700 700');
  expect(stdout + stderr).not.toMatch(/made private/);
  const log = view().read(`/var/log/${command}.log`);
  expect(log.match(/ INFO made private: .*/g)?.map((line) => line.slice(20))).toEqual([
    `${DATA}/cfn-init-data: it had mode 0644`,
    `${DATA}/cfn-boto-cfg: it had mode 0644`,
    `${DATA}/cfn-userdata: it had mode 0644`,
    `${OURS[0]}: it had mode 0755`,
    `${OURS[1]}: it had mode 0755`,
  ]);
  await view().run([binary(command), ...args]);
  expect(
    view()
      .read(`/var/log/${command}.log`)
      .match(/made private/g),
  ).toHaveLength(5);
});

describe('left alone', () => {
  const init = (...words: string[]) => view().run([...words, binary('cfn-init'), '/srv/document.json']);

  test('links and what they lead to', async () => {
    await view().run(`cd ${DATA}; mkdir /srv/d; for n in ${FILES.join(' ')}; do mv $n /srv; ln -s /srv/$n .; done
      cd /var/lib; rmdir heat-cfntools; ln -s /srv/d heat-cfntools`);
    expect((await init()).code).toBe(0);
    expect(await modes(['/srv/cfn-init-data', '/srv/cfn-boto-cfg', '/srv/cfn-userdata', '/srv/d'])).toBe(
      '644 644 644 755',
    );
  });

  test("other users' files, and what is no file", async () => {
    await view().run(
      `cd ${DATA}; chown 7003 cfn-boto-cfg; rm cfn-init-data cfn-userdata; mkfifo cfn-init-data; mkdir cfn-userdata`,
    );
    expect((await init()).code).toBe(0);
    expect(await modes()).toBe('644 644 755 644 700 700');
  });

  test('what is closed already, also with fewer rights than ours', async () => {
    await view().run(`cd ${DATA}; chmod 400 cfn-init-data cfn-boto-cfg; chmod 600 cfn-userdata; chmod 500 ${OURS[0]}`);
    expect((await init()).code).toBe(0);
    expect(await modes()).toBe('400 400 600 644 500 700');
  });

  test('all of it, when another user calls', async () => {
    const { code } = await init('setpriv', '--reuid=7003', '--regid=7003', '--clear-groups');
    expect([code, await modes()]).toEqual([0, '644 644 644 644 755 755']);
  });

  test('all of it under --root', async () => {
    const there = `/srv/root${DATA}`;
    await view().run(`mkdir -p ${there}; echo x >${there}/cfn-init-data; chmod 644 ${there}/cfn-init-data`);
    expect((await view().run([binary('cfn-init'), '--root', '/srv/root', '/srv/document.json'])).code).toBe(0);
    expect([await modes([`${there}/cfn-init-data`]), await modes()]).toEqual(['644', '644 644 644 644 755 755']);
  });
});

test('a read-only file system is no reason to fail', async () => {
  const { code, stdout, stderr } = await view().run(`
    mount -t tmpfs tmpfs ${DATA}; echo x >${DATA}/cfn-init-data; mount -o remount,ro ${DATA}
    ${binary('cfn-init')} /srv/document.json; code=$?; umount ${DATA}; exit $code`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^cfn-init: nothing to do/);
  expect(view().read('/var/log/cfn-init.log')).toMatch(/ INFO cannot make metadata private: .*read-only/i);
});

import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { cfnInit, metadata, summary } from '../support/cfn-init.ts';
import type { Ended, RunOptions } from '../support/process.ts';
import { isRoot, useSandbox } from '../support/use-machine.ts';

/** Tools that the document below and a pass of cfn-hup need, as far as the machine has them. */
const TOOLS = 'apt-cache apt-get dpkg-query flock gem getent gpasswd groupadd id pip3 setpriv useradd usermod'.split(
  ' ',
);
const SYSTEM = '/usr/sbin:/usr/bin:/sbin:/bin';
/** Where somebody else has put things in front of us. */
const PLANTED = '/srv/planted';

const view = useSandbox();
const bash = (script: string, options: RunOptions = {}): Promise<Ended> => view().run(script, options);
const lines = (path: string): string[] =>
  view().exists(path)
    ? view()
        .read(path)
        .split('\n')
        .filter((line) => line !== '')
    : [];
/** Another name each time, so that there is something to do. */
let count = 0;
const document = () => {
  count++;
  return {
    groups: { [`cfn-group-${count}`]: {} },
    users: { [`cfn-user-${count}`]: { groups: [`cfn-group-${count}`] } },
    packages: { apt: { bash: [] }, rubygems: {} },
    files: { '/srv/file': { content: String(count), owner: `cfn-user-${count}` } },
    commands: { list: { command: ['ls', '/'] }, text: { command: 'ls / >/dev/null; id >/dev/null' } },
  };
};

beforeAll(async () => {
  if (!isRoot) return;
  const { code, stderr } = await bash(`
    set -e
    mkdir -p ${PLANTED}/bin /srv/where /etc/cfn/hooks.d
    for tool in ${TOOLS.join(' ')} sh ls mount logger env; do
      for place in ${PLANTED} ${PLANTED}/bin; do
        printf '#!/bin/bash\\necho "$0" >>/run/planted\\nexit 0\\n' >$place/$tool
        chmod 755 $place/$tool
      done
      real=$(PATH=${SYSTEM} command -v $tool) || continue
      # In the place of the real one, as some are called by their full path; names of their own for the real ones.
      printf '#!/bin/bash\\necho "%s $(pwd -P)" >>/run/where\\nPATH=%s exec %s "$@"\\n' $tool ${SYSTEM} $real >/srv/where/$tool
      chmod 755 /srv/where/$tool
    done
    printf '[main]\\nstack=s\\nurl=http://127.0.0.1:9/\\n' >/etc/cfn/cfn-hup.conf
    printf '[h]\\ntriggers=post.update\\npath=Resources.r.Metadata\\naction=true\\n' >/etc/cfn/hooks.d/h`);
  if (code !== 0) throw new Error(stderr);
});
beforeEach(async () => {
  if (isRoot) await bash('rm -f /run/where /run/planted');
});

describe('the current directory', () => {
  test('tools run in /', async () => {
    const env = { PATH: `/srv/where:${SYSTEM}`, HOME: '/root' };
    const applied = await cfnInit(view(), document(), [], { cwd: PLANTED, env });
    expect({ code: applied.code, stderr: applied.stderr }).toEqual({ code: 0, stderr: '' });
    await view().run([binary('cfn-hup'), '-f'], { cwd: PLANTED, env });
    const seen = lines('/run/where').filter((line) => !/^(?:sh|ls|env|id) /.test(line));
    const tools = seen.map((line) => line.split(' ')[0]);
    expect(tools).toEqual(expect.arrayContaining(['flock', 'groupadd', 'useradd']));
    expect(seen.filter((line) => !line.endsWith(' /'))).toEqual([]);
  });

  test('a command still runs where cfn-init was called', async () => {
    const { code } = await cfnInit(view(), { commands: { x: { command: 'pwd >/run/where' } } }, [], { cwd: PLANTED });
    expect({ code, where: lines('/run/where') }).toEqual({ code: 0, where: [PLANTED] });
  });

  test.each(['.:', ':', 'bin:./bin:', '', '../planted:'])(
    'PATH %j before the system: nothing that was planted there runs',
    async (entry) => {
      const env = ['/usr/bin/env', '-i', `PATH=${entry === '' ? '' : entry + SYSTEM}`, 'HOME=/root'];
      const input = metadata(document());
      const applied = await view().run([...env, binary('cfn-init'), '-'], { cwd: PLANTED, input });
      expect({ code: applied.code, stderr: applied.stderr, summary: summary(applied) }).toEqual({
        code: 0,
        stderr: '',
        summary: expect.stringMatching(/^5 changed/),
      });
      await view().run([...env, binary('cfn-hup'), '-f'], { cwd: PLANTED });
      expect(lines('/run/planted')).toEqual([]);
    },
  );

  test('one that was removed breaks nothing that does not need it', async () => {
    const input = metadata(document());
    const gone = 'mkdir /srv/gone; cd /srv/gone; rmdir /srv/gone; exec "$0" "$@"';
    const applied = await view().run(['/bin/bash', '-c', gone, binary('cfn-init'), '-'], { input });
    expect({ code: applied.code, summary: summary(applied) }).toEqual({
      code: 0,
      summary: expect.stringMatching(/^5 changed/),
    });
    for (const [command, ...args] of [
      ['cfn-init', '--root', 'relative', '-'],
      ['cfn-hup', '-f', '-c', 'relative'],
      ['cfn-create-aws-symlinks', '-t', 'relative'],
    ] as const) {
      const ended = await view().run(['/bin/bash', '-c', gone, binary(command), ...args], { input: '{}' });
      expect({ code: ended.code, stderr: ended.stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(`^${command}: the current directory has been removed: relative: [^\\n]+\\n$`),
      });
    }
  });
});

test('the files of a package that begin with ./ are where cfn-init was called', async () => {
  // A stand-in that has nothing, and says what it is to install.
  const gem = `#!/bin/sh\n[ "$1" = list ] || echo "$*" >>/run/where\n`;
  await bash('cat >/srv/where/gem; chmod 755 /srv/where/gem', { input: gem });
  const env = { PATH: `/srv/where:${SYSTEM}`, HOME: '/root' };
  await cfnInit(view(), { packages: { rubygems: { './some.gem': [] } } }, [], { cwd: PLANTED, env });
  expect(lines('/run/where')).toEqual([`install --no-document --conservative ${PLANTED}/some.gem`]);
});

describe('a user without an account, as of a container that is run by number', () => {
  const commands = {
    a: { command: 'echo "$HOME $USER" >/run/who; exit 0' },
    b: { command: 'pwd >/run/home', cwd: '~' },
  };

  test.each(['with accounts of others', 'without any accounts'])(
    'runs commands, and writes files: %s',
    async (kind) => {
      await bash('rm -f /run/who /run/home; touch /run/who /run/home; chmod 666 /run/who /run/home');
      if (kind !== 'with accounts of others') await bash('mv /etc/passwd /etc/group /srv');
      try {
        const as = 'exec setpriv --reuid=12345 --regid=12345 --clear-groups env -i PATH="$PATH" "$0" -';
        const input = metadata({ files: { '/tmp/by-number': { content: kind } }, commands });
        const ended = await view().run(['/bin/bash', '-c', as, binary('cfn-init')], { input });
        expect({ code: ended.code, stderr: ended.stderr, summary: summary(ended) }).toEqual({
          code: 0,
          stderr: '',
          summary: '3 changed',
        });
        expect([lines('/run/who'), lines('/run/home')]).toEqual([['/ 12345'], ['/']]);
      } finally {
        if (kind !== 'with accounts of others') await bash('mv /srv/passwd /srv/group /etc');
      }
    },
  );

  test.each([
    ['empty', ': >passwd; : >group'],
    ['of lines that are none', `printf 'root\\nroot:x\\n:::::::\\n\\377\\376:x:\\0:\\n' | tee passwd >group`],
  ])('accounts that are %s do not matter to root', async (_, prepare) => {
    await bash(`cd /etc && cp passwd group /srv && ${prepare}`);
    try {
      const files = { '/srv/of-root': { content: String(++count), owner: 'root', group: 'root' } };
      const ended = await cfnInit(view(), { files, commands: { x: { command: 'true' } } }, [], {
        env: { PATH: SYSTEM },
      });
      expect({ code: ended.code, summary: summary(ended) }).toEqual({ code: 0, summary: '2 changed' });
    } finally {
      await bash('mv /srv/passwd /srv/group /etc');
    }
  });
});

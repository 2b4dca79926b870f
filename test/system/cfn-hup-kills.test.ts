import { writeFileSync } from 'node:fs';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { described } from '../support/heat-replay.ts';
import { serveInView } from '../support/serve-in-view.ts';
import { useSandbox } from '../support/use-machine.ts';

const view = useSandbox({}, ['strace']);
const PORT = 8000;
const STATE = '/var/lib/cfn-hup';
const ACTED = '/srv/acted';
const LEAST_KILLS = 200;

/** What heat says; the file is read anew for each request. */
const answerFile = () => `${view().shared}/answer.json`;
const tell = (version: string): void =>
  writeFileSync(answerFile(), (described(JSON.stringify({ version, other: 'x' })) as { body: string }).body);

beforeAll(async () => {
  if (process.geteuid?.() !== 0) return;
  tell('none');
  await serveInView(view(), { '*': { status: 200, body: { file: answerFile() } } }, { port: PORT });
});

beforeEach(async () => {
  if (process.geteuid?.() !== 0) return;
  await view().run(`
    set -e
    rm -rf ${STATE} ${ACTED} /var/cache/heat-cfntools /etc/cfn /var/log/cfn-hup.log
    mkdir -p /etc/cfn/hooks.d
    printf '[main]\\nstack = s1\\nurl = http://127.0.0.1:${PORT}/v1/\\ncredential-file = /etc/cfn/key\\n' >/etc/cfn/cfn-hup.conf
    (umask 077; printf 'AWSAccessKeyId=a\\nAWSSecretKey=b\\n' >/etc/cfn/key)
    cat >/etc/cfn/hooks.d/follow.conf <<'END'
[follow]
triggers = post.add, post.update
path = Resources.guest.Metadata.version
action = echo "$CFN_NEW_METADATA" >>${ACTED}
END
  `);
});

const pass = () => view().run([binary('cfn-hup'), '-f']);

/** The versions that the action has seen. */
const acted = (): string[] => (view().exists(ACTED) ? view().read(ACTED).trim().split('\n') : []);

/** A pass that is killed as it makes its `at`th call of the kind. @returns false when it ended before that */
async function killedPass(calls: string, at: number): Promise<boolean> {
  const trace = ['strace', '--output=/dev/null', `--trace=${calls}`];
  // Our own main thread alone is watched, and all of us killed: the action goes on by itself, as after a real kill.
  const inject = `--inject=${calls}:signal=SIGKILL:when=${at}`;
  const { code, signal } = await view().run([...trace, inject, binary('cfn-hup'), '-f']);
  return signal === 'SIGKILL' || code === 137;
}

/** Every state file is a whole document, and nobody else's to read. */
async function expectWholeState(): Promise<void> {
  const script = `
    [ -d ${STATE} ] || exit 0
    find ${STATE} -name '*corrupt*'
    find ${STATE} -perm /077
    find ${STATE} -name '*.json' -not -name '.*' -exec /usr/bin/python3 -m json.tool {} /dev/null \\; 2>&1`;
  expect((await view().run(script)).stdout).toBe('');
}

/** The calls that change what a later run finds, and those that start something or ask heat. */
const STEPS = 'openat,mkdir,rename,renameat,renameat2,fsync,write,unlink,connect,close,flock,clone3,vfork,clone';

describe('a pass that is killed at any step', () => {
  test(`${LEAST_KILLS} kills and more: every change is acted on, and no state is torn`, {
    timeout: 1_500_000,
  }, async () => {
    let kills = 0;
    let version = 0;
    const missed: string[] = [];
    for (const [calls, stride] of [
      ['rename,renameat,renameat2', 1],
      ['fsync,fdatasync', 1],
      ['mkdir', 1],
      ['unlink', 1],
      ['execve,connect', 1],
      [STEPS, 1],
    ] as const) {
      for (let at = 1; ; at += stride) {
        version++;
        tell(`v${version}`);
        const wasKilled = await killedPass(calls, at);
        await expectWholeState();
        if (wasKilled) kills++;
        const { code, stderr } = await pass();
        expect({ at, calls, code, stderr }).toEqual({ at, calls, code: 0, stderr: '' });
        if (acted().at(-1) !== `v${version}`) missed.push(`${calls} ${at}: ${acted().slice(-2).join()} of v${version}`);
        if (!wasKilled) break;
      }
    }
    expect(missed).toEqual([]);
    // The next pass finds nothing to do.
    const before = acted().length;
    expect((await pass()).code).toBe(0);
    expect(acted()).toHaveLength(before);
    expect(kills).toBeGreaterThanOrEqual(LEAST_KILLS);
  });

  test('the first after an upgrade: the state of the earlier version is neither lost nor taken twice', {
    timeout: 500_000,
  }, async () => {
    // Two renames and the removal of the old one are the take-over.
    for (let at = 1; at <= 4; at++) {
      await view().run(`rm -rf ${STATE} ${ACTED} /var/cache/heat-cfntools`);
      tell('first');
      expect((await pass()).code).toBe(0);
      // As earlier versions wrote it, by the hook's name alone.
      const old = `s/"(main|instance|file)":"[^"]*",//g`;
      await view().run(
        `umask 077; sed -E '${old}' ${STATE}/follow@*.json >${STATE}/follow.json && rm ${STATE}/follow@*.json`,
      );
      tell('second');
      expect(await killedPass('rename,renameat,renameat2,unlink', at)).toBe(true);
      await expectWholeState();
      expect((await pass()).code).toBe(0);
      expect({ at, acted: [...new Set(acted())] }).toEqual({ at, acted: ['first', 'second'] });
      expect(acted().filter((version) => version === 'first')).toHaveLength(1);
      expect((await view().run(`ls ${STATE}`)).stdout).toMatch(/^follow@[0-9a-f]{16}\.json\npass\.lock\n$/);
    }
  });

  test('at first sight too: killed at any rename, the first value is acted on', { timeout: 500_000 }, async () => {
    tell('first');
    for (let at = 1; ; at++) {
      await view().run(`rm -rf ${STATE} ${ACTED} /var/cache/heat-cfntools`);
      const wasKilled = await killedPass('rename,renameat,renameat2', at);
      await expectWholeState();
      expect((await pass()).code).toBe(0);
      expect({ at, acted: [...new Set(acted())] }).toEqual({ at, acted: ['first'] });
      if (!wasKilled) break;
    }
  });
});

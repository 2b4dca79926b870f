import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type ConfigDocument, cfnInit, complaints, summary } from '../support/cfn-init.ts';
import { startServer } from '../support/http-server.ts';
import { useSandbox } from '../support/use-machine.ts';

/** Files as container engines mount them: /etc/hosts, /etc/resolv.conf, secrets. */
const view = useSandbox({ network: 'shared' });
const WARNING = (path: string): string =>
  `cfn-init: warning: ${path} is a mount point, which cannot be replaced: its content was overwritten`;
let count = 0;
let place = '';

const bash = async (script: string): Promise<string> => {
  const { code, stdout, stderr } = await view().run(`set -e\n${script}`);
  if (code !== 0) throw new Error(stderr);
  return stdout.trim();
};
const write = (entry: ConfigDocument, name = 'hosts') => cfnInit(view(), { files: { [join(place, name)]: entry } });
const content = (): string => readFileSync(view().path(join(place, 'hosts')), 'utf8');

beforeEach(async () => {
  place = `/srv/place-${count++}`;
  await bash(`mkdir -p ${place}; cd ${place}; printf 'a long old content\\n' >outside; touch hosts
    chmod 644 outside; mount --bind outside hosts`);
});

describe('a file that is a mount point', () => {
  test('is written over, with a warning: the new content and no more, owner and mode', async () => {
    const entry = { content: 'new\n', mode: '000640', owner: '12', group: 34 };
    const ended = await write(entry);
    expect({ code: ended.code, says: complaints(ended), summary: summary(ended) }).toEqual({
      code: 0,
      says: [WARNING(`${place}/hosts`)],
      summary: '1 changed',
    });
    expect(await bash(`cat ${place}/outside; stat -c '%a %u %g' ${place}/outside; ls -A ${place}`)).toBe(
      'new\n640 12 34\nhosts\noutside',
    );
    const again = await write(entry);
    expect({ says: complaints(again), summary: summary(again) }).toEqual({ says: [], summary: '1 unchanged' });
  });

  test.each<[string, ConfigDocument, string]>([
    ['empty', { content: '' }, ''],
    ['larger than a piece', { content: 'x'.repeat(600_000) }, 'x'.repeat(600_000)],
    ['base64', { content: 'AAH+', encoding: 'base64' }, Buffer.from([0, 1, 0xfe]).toString('utf8')],
    ['a template', { content: '{{a}}', context: { a: 1 } }, '1'],
    ['an object', { content: { a: 1 } }, '{\n    "a": 1\n}'],
  ])('%s', async (_, entry, wanted) => {
    expect((await write(entry)).code).toBe(0);
    expect(content()).toBe(wanted);
    expect(summary(await write(entry))).toBe('1 unchanged');
  });

  test('what is downloaded, and rendered', async () => {
    const server = await startServer({ status: 200, body: Buffer.from('served {{a}}\n') });
    try {
      for (const [entry, wanted] of [
        [{ source: `${server.url}/a` }, 'served {{a}}\n'],
        [{ source: `${server.url}/a`, context: { a: 'here' } }, 'served here\n'],
      ] as const) {
        const ended = await write(entry);
        expect({ code: ended.code, says: complaints(ended) }).toEqual({ code: 0, says: [WARNING(`${place}/hosts`)] });
        expect(content()).toBe(wanted);
        expect(summary(await write(entry))).toBe('1 unchanged');
      }
    } finally {
      await server.close();
    }
  });

  test('a new mode alone is given to it', async () => {
    expect(summary(await write({ content: 'a long old content\n', mode: '0600' }))).toBe('1 changed');
    expect(await bash(`stat -c %a ${place}/outside`)).toBe('600');
  });
});

describe('what cannot be written over', () => {
  test.each<[string, string, ConfigDocument, string]>([
    ['a read-only mount', 'mount -o remount,bind,ro hosts', { content: 'x' }, 'the file system is read-only'],
    ['a link in its place', ':', { content: '/x', mode: '120777' }, 'it is in use, as a mount point perhaps'],
    [
      'a directory',
      'umount hosts; rm hosts; mkdir hosts other; mount --bind other hosts',
      { content: 'x' },
      'a directory already exists there',
    ],
    ['a device', 'umount hosts; mount --bind /dev/null hosts', { content: 'x' }, 'not a regular file'],
    [
      'a pipe that nobody reads',
      'umount hosts; mkfifo pipe; mount --bind pipe hosts',
      { content: 'x' },
      'not a regular file',
    ],
  ])('%s is said, and stays as it is', async (_, prepare, entry, why) => {
    await bash(`cd ${place}; ${prepare}`);
    const before = await bash(`cat ${place}/outside; stat -c '%a %F' ${place}/hosts /dev/null`);
    const ended = await write(entry);
    expect({ code: ended.code, says: complaints(ended) }).toEqual({
      code: 1,
      says: [expect.stringMatching(new RegExp(`^cfn-init: cannot [^\\n]*${why}`))],
    });
    expect(await bash(`cat ${place}/outside; stat -c '%a %F' ${place}/hosts /dev/null`)).toBe(before);
  });

  test('a disk that gets full half way: the state of the file is said', async () => {
    await bash(`cd ${place}; umount hosts; mkdir small; mount -t tmpfs -o size=16k tmpfs small
      echo old >small/f; mount --bind small/f hosts`);
    const ended = await write({ content: 'x'.repeat(60_000), mode: '0644' });
    expect({ code: ended.code, says: complaints(ended) }).toEqual({
      code: 1,
      says: [
        `cfn-init: cannot write: a mount point, which is overwritten: no space left on the device: ${place}/hosts: it now has part of the new content: run cfn-init again`,
      ],
    });
    expect(await bash(`ls -A ${place}`)).toBe('hosts\noutside\nsmall');
  });
});

test('what is immutable, or may only be appended to: root is not told to become root', async (context) => {
  const made = await view().run(`cd ${place}; truncate -s 4M image && mkfs.ext4 -q image && mkdir disk &&
    mount -o loop image disk && cd disk && touch file log && mkdir directory && chattr +i file directory && chattr +a log`);
  if (made.code !== 0) context.skip(`needs a file system with attributes: ${made.stderr}`);
  for (const name of ['file', 'directory/new', 'log']) {
    const ended = await write({ content: 'x' }, `disk/${name}`);
    expect({ code: ended.code, says: complaints(ended) }).toEqual({
      code: 1,
      says: [expect.stringContaining('is it immutable (lsattr)')],
    });
  }
  await bash(`umount ${place}/disk`);
});

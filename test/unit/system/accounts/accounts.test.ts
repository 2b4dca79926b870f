import { mkdirSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Problem } from '../../../../src/errors.ts';
import type { AccountTools, Group, NewUser, User } from '../../../../src/system/accounts/accounts.ts';
import { createAccounts } from '../../../../src/system/accounts/door.ts';
import { busyboxTools, callAccountTool, shadowTools } from '../../../../src/system/accounts/tools.ts';
import { systemClock } from '../../../../src/system/clock.ts';
import type { FileSystem } from '../../../../src/system/files/file-system.ts';
import { createExec } from '../../../../src/system/programs/door.ts';
import type { Exec, ToolResult } from '../../../../src/system/programs/exec.ts';
import { temporaryRoot } from '../../temporary-root.ts';

const group = (name: string, gid: number): Group => ({ name, gid, members: [], isLocal: true });

describe('the files of the accounts', () => {
  const HOUR = 3_600_000;
  const NAMES = ['one', 'two', 'six'];

  /** @param ahead milliseconds by which the clock is ahead of the files */
  function countingReads(ahead: number) {
    const { root, files } = temporaryRoot();
    const passwd = join(root, 'etc/passwd');
    mkdirSync(join(root, 'etc'));
    let reads = 0;
    const counting: FileSystem = {
      ...files,
      readIfPresent(path, most) {
        reads += 1;
        return files.readIfPresent(path, most);
      },
    };
    const clock = { ...systemClock, now: () => new Date(Date.now() + ahead) };
    const { user } = createAccounts(counting, createExec({}), clock);
    const line = (name: string): string => `${name}:x:1:1::/:\n`;
    const present = async (): Promise<string[]> => {
      const found = await Promise.all(NAMES.map(user));
      return found.flatMap((one) => one?.name ?? []);
    };
    return { passwd, line, present, reads: () => reads };
  }

  test('are read again only when they were changed, in whatever way', async () => {
    const { passwd, line, present, reads } = countingReads(HOUR);
    expect([await present(), reads()]).toEqual([[], 3]); // what is not there is not remembered
    writeFileSync(passwd, line('one'));
    expect([await present(), reads()]).toEqual([['one'], 4]);
    expect([await present(), reads()]).toEqual([['one'], 4]);
    writeFileSync(`${passwd}-`, line('two'));
    renameSync(`${passwd}-`, passwd);
    expect([await present(), reads()]).toEqual([['two'], 5]);
    const { atime, mtime } = statSync(passwd);
    await sleep(20);
    writeFileSync(passwd, line('six'));
    utimesSync(passwd, atime, mtime);
    expect([await present(), reads()]).toEqual([['six'], 6]);
  });

  test('are read each time when they were changed just now', async () => {
    const { passwd, line, present, reads } = countingReads(-HOUR);
    writeFileSync(passwd, line('one'));
    expect([await present(), reads()]).toEqual([['one'], 3]);
  });
});

describe('what is looked up below another root', () => {
  const accounts = () => {
    const { root, files } = temporaryRoot();
    mkdirSync(join(root, 'etc'));
    writeFileSync(
      join(root, 'etc/passwd'),
      'root:x:0:0::/root:/bin/sh\n\n+::::::\n+other:x:71:::::\n# 72:x:72:::::\n500:x:70:7::/h:\nweb:x:500:7::/w:\n',
    );
    writeFileSync(join(root, 'etc/group'), 'adm:x:7:web,app\n12:x:13:\nstaff:x:12:app, web\nwheel:x:14:webmaster\n');
    return createAccounts(files, createExec({}));
  };

  test.each([
    ['web', 500],
    ['70', 70],
    ['0', 0],
    // A name comes first, as with chown.
    ['500', 70],
    ['absent', undefined],
    ['71', undefined],
    ['72', undefined],
    ['', undefined],
  ])('user %j has uid %s', async (key, uid) => {
    expect((await accounts().user(key))?.uid).toBe(uid);
  });

  test('by number alone, by name alone', async () => {
    const { userNumbered, userNamed, groupNumbered, groupNamed } = accounts();
    expect([
      (await userNumbered(500))?.name,
      await userNamed('70'),
      (await groupNumbered(12))?.name,
      (await groupNamed('12'))?.gid,
      await groupNamed('7'),
    ]).toEqual(['web', undefined, 'staff', 13, undefined]);
  });

  test.each([
    ['web', ['adm']],
    ['app', ['adm', 'staff']],
    ['root', []],
  ])('%s is listed in %j', (user, groups) => {
    expect(accounts().groupsOf(user)).toEqual(groups);
  });

  test('no accounts at all', async () => {
    const { user, groupsOf, createGroup } = createAccounts(temporaryRoot().files, createExec({}));
    expect([await user('root'), groupsOf('root')]).toEqual([undefined, []]);
    await expect(createGroup({ name: 'g', gid: undefined })).rejects.toThrow('there are no accounts to change');
  });
});

describe('what other name services are asked', () => {
  const NOISE = "ERROR: ld.so: object '/nowhere/libfoo.so.0' from LD_PRELOAD cannot be preloaded: ignored.";

  function asking(answer: Partial<ToolResult>, passwd = 'root:x:0:0::/root:/bin/sh\n') {
    const calls: string[] = [];
    const ask = async (command: readonly string[]): Promise<ToolResult> => {
      calls.push(command.join(' '));
      const stdout = answer.stdout ?? '';
      return { exitCode: answer.exitCode ?? 0, stdout, output: `${stdout}${NOISE}\n` };
    };
    const exec = { find: (name: string) => `/usr/bin/${name}`, tool: ask, query: ask } as unknown as Exec;
    const files = {
      root: '/',
      version: () => undefined,
      readIfPresent: () => Buffer.from(passwd),
    } as unknown as FileSystem;
    return { calls, accounts: createAccounts(files, exec) };
  }

  test('a name stands behind --', async () => {
    const { calls, accounts } = asking({ stdout: 'Jane@corp:*:70:71:Jane:/home/jane:/bin/sh\n' });
    expect(await accounts.user('jane@corp')).toEqual({
      name: 'Jane@corp',
      uid: 70,
      gid: 71,
      home: '/home/jane',
      isLocal: false,
    });
    expect(calls).toEqual(['getent passwd -- jane@corp']);
  });

  test.each(['-i', '--service=files', '-s files', '+0', '-0', '', 'a:b', '4294967296'])('%j is not', async (name) => {
    const { calls, accounts } = asking({ stdout: 'root:x:0:0::/root:/bin/sh\n' });
    expect([await accounts.user(name), await accounts.group(name), calls]).toEqual([undefined, undefined, []]);
  });

  test('an account without a number is none: it would count as root', async () => {
    const { accounts } = asking({ exitCode: 2 }, 'broken:x:500:::/:/bin/sh\nworse:x::0::/:/bin/sh\n');
    expect([await accounts.user('broken'), await accounts.user('worse')]).toEqual([undefined, undefined]);
  });

  const user: User = { name: 'web', uid: 1, gid: 9, home: '/', isLocal: true };
  test.each<[string, number, readonly number[] | undefined]>([
    ['7 8\n', 0, [9, 7, 8]],
    ['9\n', 0, [9]],
    ['', 0, undefined],
    ['7 x\n', 0, undefined],
    ['7 -1\n', 0, undefined],
    ['7 4294967295\n', 0, undefined],
    ['7\n0\n', 0, undefined],
    ['7  8\n', 0, undefined],
    ['7 8\n', 1, undefined],
  ])('id prints %j and ends with %d: %j', async (stdout, exitCode, gids) => {
    const { accounts } = asking({ stdout, exitCode });
    if (gids === undefined) await expect(accounts.gidsOf(user)).rejects.toThrow('cannot find out the groups of a user');
    else expect(await accounts.gidsOf(user)).toEqual(gids);
  });
});

describe('the calls of', () => {
  /** What the tools are called with; `fails` ends with an error. */
  async function callsOf(
    work: (tools: AccountTools) => Promise<void>,
    kind: 'shadow' | 'prefixed' | 'busybox',
    fails = 'none',
  ): Promise<string[]> {
    const calls: string[] = [];
    const call = async (_: string, command: readonly string[]): Promise<void> => {
      calls.push(command.map((word) => word || "''").join(' '));
      if (command[0] === fails) throw new Problem('failed');
    };
    const groupsOf = () => ['b', 'c', 'd'];
    const tools =
      kind === 'busybox'
        ? busyboxTools({ call, groupsOf })
        : shadowTools({ call, groupsOf, root: kind === 'shadow' ? '/' : '/image' });
    await work(tools).catch(() => calls.push('failed'));
    return calls;
  }

  const user: User = { name: 'web', uid: 1, gid: 1, home: '/', isLocal: true };
  const bare: NewUser = { name: 'web', uid: undefined, home: undefined, shell: '/no', primary: undefined, groups: [] };
  const full: NewUser = {
    ...bare,
    uid: 7,
    home: '/srv',
    primary: group('web', 9),
    groups: [group('a', 1), group('55', 66)],
  };
  const useradd = 'useradd --system --no-create-home --no-log-init --shell /no';

  test.each<[string, (tools: AccountTools) => Promise<void>, string[], string[]]>([
    [
      'a group',
      (tools) => tools.createGroup({ name: 'g', gid: undefined }),
      ['groupadd --system -- g'],
      ['addgroup -S g'],
    ],
    [
      'a group with a gid',
      (tools) => tools.createGroup({ name: 'g', gid: 0 }),
      ['groupadd --system --gid 0 -- g'],
      ['addgroup -S -g 0 g'],
    ],
    [
      'a user',
      (tools) => tools.createUser(bare),
      [`${useradd} --user-group -- web`],
      ['addgroup -S web', "adduser -S -D -H -g '' -s /no -G web web"],
    ],
    [
      'a user with all there is',
      (tools) => tools.createUser(full),
      // What looks like a number is one to useradd.
      [`${useradd} --uid 7 --home-dir /srv --groups a,66 --gid web -- web`],
      ["adduser -S -D -H -g '' -s /no -G web -u 7 -h /srv web", 'addgroup web a', 'addgroup web 55'],
    ],
    [
      'other groups',
      (tools) => tools.changeUser(user, { home: undefined, groups: [group('c', 1), group('e', 2)] }),
      ['usermod --groups c,e -- web'],
      ['addgroup web e', 'delgroup web b', 'delgroup web d'],
    ],
    [
      'no groups',
      (tools) => tools.changeUser(user, { home: undefined, groups: [] }),
      ['usermod --groups  -- web'],
      ['delgroup web b', 'delgroup web c', 'delgroup web d'],
    ],
    [
      'another home and groups',
      (tools) => tools.changeUser(user, { home: '/new', groups: [group('e', 2)] }),
      ['usermod --home /new --groups e -- web'],
      ['failed'],
    ],
    [
      'other groups of a user of another name service',
      (tools) =>
        tools.changeUser({ ...user, isLocal: false }, { home: undefined, groups: [group('e', 2), group('b', 3)] }),
      ['gpasswd --add web -- e', 'gpasswd --delete web -- c', 'gpasswd --delete web -- d'],
      ['addgroup web e', 'delgroup web c', 'delgroup web d'],
    ],
  ])('%s', async (_, work, shadow, busybox) => {
    const spaced = shadow.map((line) => line.replace('--groups  ', "--groups '' "));
    expect(await callsOf(work, 'shadow')).toEqual(spaced);
    expect(await callsOf(work, 'busybox')).toEqual(busybox);
    if (spaced.some((line) => line.startsWith('gpasswd'))) return;
    expect(await callsOf(work, 'prefixed')).toEqual(spaced.map((line) => line.replace(' ', ' --prefix /image ')));
  });

  test('busybox leave no group behind when the user could not be made, unless it was there', async () => {
    const own = await callsOf((tools) => tools.createUser(bare), 'busybox', 'adduser');
    expect(own.slice(-2)).toEqual(['delgroup web', 'failed']);
    const given = await callsOf((tools) => tools.createUser(full), 'busybox', 'adduser');
    expect(given.slice(1)).toEqual(['failed']);
  });
});

describe('a lock that another program holds', () => {
  /** The end of a call to a tool that takes `each` seconds and says `output` with exit code 1, `times` times over. */
  async function ending(
    output: string,
    times: number,
    each = 0,
  ): Promise<{ error?: string; code?: number; seconds: number }> {
    let now = 0;
    let calls = 0;
    const exec = {
      find: () => undefined,
      tool: async () => {
        now += each * 1000;
        return ++calls > times ? { exitCode: 0, stdout: '', output: '' } : { exitCode: 1, stdout: '', output };
      },
    } as unknown as Exec;
    const clock = {
      elapsed: () => now,
      sleep: async (milliseconds: number) => {
        now += milliseconds;
      },
    };
    try {
      await callAccountTool(exec, clock)('user web', ['useradd', 'web']);
      return { seconds: now / 1000 };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return { error: error.line, code: error.exitCode, seconds: now / 1000 };
    }
  }
  const shadow =
    'useradd: existing lock file /tmp/passwd.lock with PID 1\nuseradd: cannot lock /tmp/passwd; try again later.\n';
  const waited = (lock: string) =>
    `useradd could not lock the accounts within 60 seconds: user web: if no other program is changing them, remove ${lock}`;

  test.each([
    ['shadow-utils', shadow],
    ['shadow-utils, .pwd.lock', 'useradd: cannot lock /tmp/passwd; try again later.'],
    ['busybox', "adduser: can't create '/tmp/passwd+': File exists"],
  ])('is waited for: %s', async (_, output) => {
    expect(await ending(output, 10)).toEqual({ seconds: 5 });
  });

  test.each([
    ['/tmp/passwd.lock', shadow],
    ['/tmp/group+', "addgroup: can't create '/tmp/group+': File exists"],
  ])('for a minute, then %s is named', async (lock, output) => {
    expect(await ending(output, 1e9)).toEqual({ error: waited(lock), code: 75, seconds: 60 });
  });

  test('for a minute in all when the tool itself waits', async () => {
    expect((await ending(shadow, 1e9, 15)).seconds).toBeLessThan(80);
  });

  test.each([
    ['useradd: Permission denied.\n', /ended with exit code 1: user web: .*Permission denied/],
    ['useradd: /tmp/passwd.71: No space left on device\n', /user web: .*No space left on device/],
    ['useradd: /tmp/passwd.71: Read-only file system\n', /user web: .*Read-only file system/],
  ])('a lock that cannot be made is not waited for: %j', async (cause, words) => {
    const { error, code, seconds } = await ending(`${cause}useradd: cannot lock /tmp/passwd; try again later.\n`, 1e9);
    expect({ error, code, seconds }).toEqual({ error: expect.stringMatching(words), code: 1, seconds: 0 });
  });

  test('any other failure is not tried again', async () => {
    expect(await ending("useradd: user 'web' already exists\n", 1)).toEqual({
      error: "useradd ended with exit code 1: user web: it printed last: useradd: user 'web' already exists",
      code: 1,
      seconds: 0,
    });
  });
});

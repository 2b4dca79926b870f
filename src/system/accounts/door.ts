import { lastLine, Problem } from '../../errors.ts';
import { accountFault, isAccountId } from '../../names.ts';
import { type Clock, systemClock } from '../clock.ts';
import type { FileSystem } from '../files/file-system.ts';
import type { Exec, ToolResult } from '../programs/exec.ts';
import { type Accounts, type AccountTools, type Group, MissingAccount, type User } from './accounts.ts';
import { busyboxTools, callAccountTool, shadowTools } from './tools.ts';

type Row = readonly string[];
type Database = 'passwd' | 'group';

/** passwd(5) and group(5). */
const FIELDS: Readonly<Record<Database, number>> = { passwd: 7, group: 4 };
/** The files in /etc that shadow-utils reads and writes. */
const ACCOUNT_FILES = ['passwd', 'group', 'shadow', 'gshadow', 'subuid', 'subgid', 'login.defs', 'default'];
/** Milliseconds within which two changes of a file may leave the same times; longer than the clock tick of any file system. */
const TICK = 2_000;
/** getent(1): a key that is in no database. */
const NOT_FOUND = 2;

/**
 * Opens the door to users and groups. Local files are read directly. Other name services are asked through getent, on the running
 * machine only.
 * @param files its root is where accounts are changed
 */
export function createAccounts(files: FileSystem, exec: Exec, clock: Clock = systemClock): Accounts {
  const isMachine = files.root === '/';

  /** The rows that were read last, with the version of the file: packages and commands change accounts while we run. */
  const known = new Map<Database, { readonly version: string; readonly rows: readonly Row[] }>();

  const rows = (database: Database): readonly Row[] => {
    const path = `/etc/${database}`;
    const version = files.version(path);
    const last = known.get(database);
    if (last !== undefined && last.version === version?.id) return last.rows;
    const read = parseRows(database, files.readIfPresent(path)?.toString('utf8') ?? '');
    // A file that was changed just now may change again without a change of its times.
    if (version !== undefined && clock.now().getTime() - version.changed.getTime() > TICK)
      known.set(database, { version: version.id, rows: read });
    return read;
  };

  /**
   * The row that fits best. A name in the answer of getent is accepted as it is, because SSSD may spell it in another way; getent
   * reads digits as a number. A key that is not a valid account name is not looked up.
   */
  const lookUp = async <T>(
    database: Database,
    key: string,
    fits: readonly ((row: Row) => boolean)[],
    parse: (row: Row, isLocal: boolean) => T,
  ): Promise<T | undefined> => {
    if (accountFault(key) !== undefined) return undefined;
    const local = rows(database);
    for (const suits of fits) {
      const row = local.find(suits);
      if (row !== undefined) return parse(row, true);
    }
    if (!isMachine || exec.find('getent') === undefined) return undefined;
    const row = parseGetent(database, key, await exec.query(['getent', database, '--', key]));
    if (row === undefined || (/^\d+$/.test(key) && !fits.some((suits) => suits(row)))) return undefined;
    return parse(row, false);
  };

  const hasName =
    (name: string) =>
    ([own]: Row): boolean =>
      own === name;
  const hasNumber =
    (id: string) =>
    ([, , own]: Row): boolean =>
      own === id;

  const groupsOf = (user: string): readonly string[] =>
    rows('group')
      .map((row) => parseGroup(row, true))
      .filter(({ members }) => members.includes(user))
      .map(({ name }) => name)
      .sort();

  const chooseTools = async (): Promise<AccountTools> => {
    if (!isMachine && files.entry('/etc/passwd') === undefined) {
      throw new MissingAccount(`there are no accounts to change: ${files.root}/etc/passwd is missing`);
    }
    if (!isMachine) refuseLinkedAccounts(files);
    const call = callAccountTool(exec, clock);
    if (exec.find('useradd') !== undefined) return shadowTools({ call, groupsOf, root: files.root });
    if (exec.find('adduser') !== undefined && (await exec.query(['adduser', '--help'])).output.includes('BusyBox')) {
      if (isMachine) return busyboxTools({ call, groupsOf });
      throw new Problem("busybox's adduser can only change the running machine", {
        where: files.root,
        hint: 'install the package shadow, whose useradd can work below another root',
      });
    }
    throw new Problem('no tools to change accounts', {
      where: 'PATH',
      hint: 'install the package that has useradd: passwd, shadow or shadow-utils',
    });
  };
  let chosen: Promise<AccountTools> | undefined;
  const tools = (): Promise<AccountTools> => {
    chosen ??= chooseTools();
    return chosen;
  };

  return {
    user: (key) => lookUp('passwd', key, [hasName(key), hasNumber(key)], parseUser),
    userNamed: (name) => lookUp('passwd', name, [hasName(name)], parseUser),
    userNumbered: (uid) => lookUp('passwd', String(uid), [hasNumber(String(uid))], parseUser),
    group: (key) => lookUp('group', key, [hasName(key), hasNumber(key)], parseGroup),
    groupNamed: (name) => lookUp('group', name, [hasName(name)], parseGroup),
    groupNumbered: (gid) => lookUp('group', String(gid), [hasNumber(String(gid))], parseGroup),
    groupsOf,
    gidsOf: async ({ name, gid }) => {
      const { exitCode, stdout, output } = await exec.query(['id', '-G', '--', name]);
      const gids = stdout.replace(/\n$/, '').split(' ');
      // Other output must not be taken for a group.
      if (exitCode !== 0 || !gids.every(isAccountId))
        throw new Problem('cannot find out the groups of a user', { where: name, hint: lastLine(output), output });
      return [...new Set([gid, ...gids.map(Number)])];
    },
    createGroup: async (group) => (await tools()).createGroup(group),
    createUser: async (user) => (await tools()).createUser(user),
    changeUser: async (user, change) => (await tools()).changeUser(user, change),
  };
}

/**
 * The tools follow the links below another root out of that root, and would change the accounts of the machine.
 * @throws Problem when an account file below another root is a link, or lies behind one
 */
function refuseLinkedAccounts(files: FileSystem): void {
  const linked = ['/etc', ...ACCOUNT_FILES.map((name) => `/etc/${name}`)].find(
    (path) => files.entry(path)?.kind === 'symlink',
  );
  if (linked === undefined) return;
  throw new Problem('a symbolic link among the account files', {
    where: `${files.root}${linked}`,
    hint: 'put the directory or file itself there: useradd would follow the link out of the root',
  });
}

function parseRows(database: Database, text: string): Row[] {
  return (
    text
      .split('\n')
      .map((line) => line.split(':'))
      // The other lines are blank, comments, or `+::::::` of NIS.
      .filter((row) => /^[^+#-]/.test(row[0] ?? '') && hasIds(database, row))
  );
}

/** True when the ids of a row are valid: an empty one would count as 0, the id of root. */
function hasIds(database: Database, [, , id = '', gid = '']: Row): boolean {
  return isAccountId(id) && (database === 'group' || isAccountId(gid));
}

/**
 * Reads the answer of getent: one line of the database and nothing else on stdout.
 * @returns undefined where getent knows no such account
 * @throws Problem for anything else: rights must not be decided by a guess
 */
function parseGetent(database: Database, key: string, { exitCode, stdout, output }: ToolResult): Row | undefined {
  if (exitCode === NOT_FOUND && stdout === '') return undefined;
  const lines = stdout.replace(/\n$/, '').split('\n');
  const row = (lines[0] ?? '').split(':');
  if (exitCode === 0 && lines.length === 1 && row.length === FIELDS[database] && hasIds(database, row)) return row;
  throw new Problem(`getent ${database} printed no usable answer`, {
    where: key,
    hint: lastLine(output),
    output,
  });
}

function parseUser([name = '', , uid, gid, , home = '']: Row, isLocal: boolean): User {
  return { name, uid: Number(uid), gid: Number(gid), home, isLocal };
}

function parseGroup([name = '', , gid, members = '']: Row, isLocal: boolean): Group {
  const names = members
    .trim()
    .split(',')
    .filter((member) => member !== '');
  return { name, gid: Number(gid), members: names, isLocal };
}

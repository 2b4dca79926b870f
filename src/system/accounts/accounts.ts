import { Problem } from '../../errors.ts';

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  /** False for one of another name service (LDAP, SSSD, systemd-userdb). */
  readonly isLocal: boolean;
}

export interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
  readonly isLocal: boolean;
}

export interface NewGroup {
  readonly name: string;
  /** Any system gid that is free, when left out. */
  readonly gid: number | undefined;
}

export interface NewUser {
  readonly name: string;
  /** Any system uid that is free, when left out. */
  readonly uid: number | undefined;
  readonly home: string | undefined;
  readonly shell: string;
  /** A group that is there already; a new one of the user's name, when left out. */
  readonly primary: Group | undefined;
  /** Local groups besides. */
  readonly groups: readonly Group[];
}

/** What is to be different; undefined stays as it is. */
export interface UserChange {
  readonly home: string | undefined;
  /** The local groups that list the user from now on, without the primary one: these and no others. */
  readonly groups: readonly Group[] | undefined;
}

/**
 * How accounts are changed: by shadow-utils, or by busybox's applets where there are only those. Another holder of the
 * accounts' lock is waited for.
 * @throws Problem that names the account, with the tool's own words; exit code 75 when the lock was not free in time
 */
export interface AccountTools {
  createGroup(group: NewGroup): Promise<void>;
  /** A system user without a password and without a home directory made. */
  createUser(user: NewUser): Promise<void>;
  /** The home of a user of another name service cannot be changed. */
  changeUser(user: User, change: UserChange): Promise<void>;
}

/** The one door to users and groups. */
export interface Accounts extends AccountTools {
  /** The user of this name, or of this number when no user has it as a name, as chown does; undefined when there is none. */
  user(nameOrUid: string): Promise<User | undefined>;
  userNamed(name: string): Promise<User | undefined>;
  userNumbered(uid: number): Promise<User | undefined>;
  group(nameOrGid: string): Promise<Group | undefined>;
  groupNamed(name: string): Promise<Group | undefined>;
  groupNumbered(gid: number): Promise<Group | undefined>;
  /** The names of the local groups that list the user, sorted. */
  groupsOf(name: string): readonly string[];
  /**
   * The gids of all groups that a login gives a user of the running machine, the primary one first; every name service is
   * asked. @throws Problem
   */
  gidsOf(user: User): Promise<readonly number[]>;
}

/** A name that is not among the accounts, or no accounts at all. */
export class MissingAccount extends Problem {}

import { Problem } from '../../errors.ts';

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  /** False for a user of another name service (LDAP, SSSD, systemd-userdb). */
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
  /** Undefined for any free system gid. */
  readonly gid: number | undefined;
}

export interface NewUser {
  readonly name: string;
  /** Undefined for any free system uid. */
  readonly uid: number | undefined;
  readonly home: string | undefined;
  readonly shell: string;
  /** A group that already exists; undefined for a new one with the name of the user. */
  readonly primary: Group | undefined;
  /** Local groups in addition to the primary one. */
  readonly groups: readonly Group[];
}

/** The changes to a user; an undefined one stays as it is. */
export interface UserChange {
  readonly home: string | undefined;
  /** All local groups that list the user afterwards, without the primary one. */
  readonly groups: readonly Group[] | undefined;
}

/**
 * Changes accounts: by shadow-utils, or by busybox's applets where only those are installed. Waits while another program holds the
 * lock of the accounts.
 * @throws Problem that names the account, with the message of the tool; exit code 75 when the lock was not free in time
 */
export interface AccountTools {
  createGroup(group: NewGroup): Promise<void>;
  /** Creates a system user without a password. The home directory is not made. */
  createUser(user: NewUser): Promise<void>;
  /** The home of a user of another name service cannot be changed. */
  changeUser(user: User, change: UserChange): Promise<void>;
}

/** The one door to users and groups; door.ts opens it. */
export interface Accounts extends AccountTools {
  /** The user with this name, or else with this number, as chown looks it up; undefined when there is none. */
  user(nameOrUid: string): Promise<User | undefined>;
  userNamed(name: string): Promise<User | undefined>;
  userNumbered(uid: number): Promise<User | undefined>;
  group(nameOrGid: string): Promise<Group | undefined>;
  groupNamed(name: string): Promise<Group | undefined>;
  groupNumbered(gid: number): Promise<Group | undefined>;
  /** The names of the local groups that list the user, sorted. */
  groupsOf(name: string): readonly string[];
  /**
   * The gids of all groups that a user of the running machine has after a login, from every name service; the primary one first.
   * @throws Problem
   */
  gidsOf(user: User): Promise<readonly number[]>;
}

/** An account that does not exist, or no accounts at all. */
export class MissingAccount extends Problem {}

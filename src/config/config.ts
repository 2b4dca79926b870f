import type { Authentication } from './authentication.ts';
import type { Mode } from './values.ts';

/** The sections of a config, in the order in which they are applied (contract section 3). */
export type SectionName = 'packages' | 'groups' | 'users' | 'sources' | 'files' | 'commands' | 'services';

/** What every entry has: its name and its place in the document. */
export interface EntryPlace {
  readonly name: string;
  /** In words, for people. */
  readonly place: string;
}

export type PackageManagerName =
  | 'dpkg'
  | 'rpm'
  | 'apt'
  | 'yum'
  | 'dnf'
  | 'zypper'
  | 'apk'
  | 'pacman'
  | 'python'
  | 'rubygems';

export interface PackageRequest {
  readonly name: string;
  /** Versions, URLs or paths, each of them sufficient; empty: any version. */
  readonly versions: readonly string[];
}

export interface PackagesEntry extends EntryPlace {
  readonly name: PackageManagerName;
  readonly packages: readonly PackageRequest[];
}

export interface GroupEntry extends EntryPlace {
  readonly gid: number | undefined;
}

export interface UserEntry extends EntryPlace {
  readonly uid: number | undefined;
  readonly groups: readonly string[] | undefined;
  readonly home: string | undefined;
}

/** Unpacks the archive at `url` (http, https, file or an absolute path) into the directory `name`. */
export interface SourceEntry extends EntryPlace {
  readonly url: string;
  readonly authentication: Authentication | undefined;
}

export type FileContent =
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'download';
      readonly url: string;
      readonly authentication: Authentication | undefined;
      /** Values for a mustache template; undefined: the bytes are taken as they come. */
      readonly context: Readonly<Record<string, unknown>> | undefined;
    };

/** A file at the absolute path `name`; for mode kind `symlink` the content is the link's target. */
export interface FileEntry extends EntryPlace {
  readonly content: FileContent;
  readonly mode: Mode | undefined;
  readonly owner: string | undefined;
  readonly group: string | undefined;
}

export interface CommandEntry extends EntryPlace {
  /** Text for a shell, or a program with its arguments. */
  readonly command: string | readonly string[];
  readonly test: string | readonly string[] | undefined;
  readonly env: Readonly<Record<string, string>> | undefined;
  readonly cwd: string | undefined;
  /** Name or number of the user to run both as; undefined: the running user. */
  readonly runas: string | undefined;
  readonly ignoreErrors: boolean;
  /** Seconds. */
  readonly waitAfterCompletion: number;
}

export interface ServiceEntry extends EntryPlace {
  readonly manager: 'sysvinit' | 'systemd';
  readonly enabled: boolean | undefined;
  readonly ensureRunning: boolean | undefined;
  /** Names of entries whose change restarts the service; packages are written `MANAGER:NAME`. */
  readonly restartOn: Readonly<Record<'files' | 'sources' | 'packages' | 'commands', readonly string[]>>;
}

/** One decoded config: what each section asks for, not how it is done. */
export interface Config {
  readonly name: string;
  readonly packages: readonly PackagesEntry[];
  readonly groups: readonly GroupEntry[];
  readonly users: readonly UserEntry[];
  readonly sources: readonly SourceEntry[];
  readonly files: readonly FileEntry[];
  readonly commands: readonly CommandEntry[];
  readonly services: readonly ServiceEntry[];
}

/*
 * The rules for names that come from a document or a configuration file and are passed to another program as an argument. Pure.
 *
 * A name that breaks its rule is a finding and is never passed to a program: `-i` is an option of getent, `*` a pattern for systemctl,
 * and `nginx-` makes apt-get remove a package. The rules are those of the programs, each with its source. A valid name is still passed
 * after `--` where the program supports that. Some programs do not: dnf5; gem, which passes arguments after `--` to the compiler of an
 * extension; update-rc.d, chkconfig, rc-service, service and init scripts. For these the rule is the only protection.
 */

import { once } from './once.ts';

/** Why a text is not a name of its kind, and what to write instead. */
export interface NameFault {
  readonly what: string;
  readonly hint: string;
}

/** 2^32 - 1 means "no change" to chown(2) and setresuid(2). */
const LARGEST_ID = 0xffff_fffe;
/** LOGIN_NAME_MAX of limits.h(0p) on Linux, without the NUL at the end. Directory services have longer names than useradd. */
const LONGEST_ACCOUNT = 255;
/** useradd(8) and groupadd(8), CAVEATS. */
const LONGEST_NEW_ACCOUNT = 32;
/** systemd.unit(5), with the suffix. */
const LONGEST_UNIT = 255;
/** PATH_MAX of limits.h(0p): for paths and URLs; longer than any name in a repository. */
const LONGEST_ADDRESS = 4096;
/** The control characters of Unicode; the Unicode property in a pattern would slow each start. */
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;

/** True for the number of a user or group: decimal digits up to 4294967294. */
export function isAccountId(text: string): boolean {
  return /^\d{1,32}$/.test(text) && Number(text) <= LARGEST_ID;
}

/**
 * A user or group that exists, by name or by number as chown(1) takes them. Names of directory services are allowed:
 * `user@domain`, `DOMAIN\user`, `domain users`. The rule is systemd's relaxed one (https://systemd.io/USER_NAMES): no control
 * characters, no `:` and no `/`, not `.` or `..`, no number out of range. In addition, no `-` and no `+` at the beginning: these are
 * options, NIS entries of nsswitch.conf(5), and the numbers `-0` and `+0`, which getent(1) reads as root.
 */
export function accountFault(name: string): NameFault | undefined {
  const isName =
    /^[^-+:/\s][^:/]*$/.test(name) &&
    name.trim() === name &&
    name.isWellFormed() &&
    !CONTROL.test(name) &&
    !/^\.\.?$/.test(name) &&
    Buffer.byteLength(name) <= LONGEST_ACCOUNT;
  if (isName && (isAccountId(name) || !/^\d+$/.test(name))) return undefined;
  return { what: `${quoteText(name)} is not the name of an account`, hint: 'write the name or number of an account' };
}

/**
 * The name of a user or group to create. useradd(8) and groupadd(8), CAVEATS: letters, digits, `_` and `-`, no
 * `-` at the beginning, a `$` at the end for Samba, at most 32 characters; the tools accept a `.`, too.
 */
export function newAccountFault(name: string): NameFault | undefined {
  if (/^[A-Za-z_][A-Za-z0-9_.-]*\$?$/.test(name) && name.length <= LONGEST_NEW_ACCOUNT) return undefined;
  return {
    what: `${quoteText(name)} is not a name for an account`,
    hint: `letters, digits, "_", "-" and ".", a letter or "_" first, at most ${LONGEST_NEW_ACCOUNT} characters`,
  };
}

/**
 * A home directory. passwd(5): fields are separated by `:`, lines by a line break; busybox would write both unchanged.
 * @param path an absolute path
 */
export function homeFault(path: string): NameFault | undefined {
  if (!path.includes(':') && !CONTROL.test(path)) return undefined;
  return {
    what: 'a home with ":" or a control character',
    hint: 'these separate the fields and lines of /etc/passwd',
  };
}

/**
 * A service. systemd.unit(5): ASCII letters, digits and `:-_.\`, with `@` before an instance, at most 255 characters with the
 * suffix. The same rule applies to an init script, because systemd makes a unit of it; of its path, only the last part counts. No `-`
 * and no `.` at the beginning: these are options, and the directories `.` and `..`.
 */
export function serviceFault(name: string): NameFault | undefined {
  const base = name.startsWith('/') ? name.slice(name.lastIndexOf('/') + 1) : name;
  const isName =
    /^[A-Za-z0-9:_\\][A-Za-z0-9:_.\\@-]*$/.test(base) &&
    base.length + (base.includes('.') ? 0 : '.service'.length) <= LONGEST_UNIT &&
    name.length <= LONGEST_ADDRESS &&
    !CONTROL.test(name);
  if (isName) return undefined;
  return {
    what: `${quoteText(name)} is not the name of a service`,
    hint: 'letters, digits and ":", "-", "_", ".", "@", or the path of an init script',
  };
}

interface PackageRule {
  /** As in "is not the name of a Debian package". */
  readonly kind: string;
  readonly name: (text: string) => boolean;
  /** For a text that is not an address: each manager decides about URLs and paths itself. */
  readonly version: (text: string) => boolean;
  readonly hint: string;
  /** The suffixes of file names: for these its tools install the file instead of a package with that name. */
  readonly file?: RegExp;
}

/** deb-control(5), with the architecture that apt accepts. apt-get reads anything else as a pattern, a task or a removal. */
const DEB_NAME = /^[A-Za-z0-9][A-Za-z0-9+._-]*(?::[a-z0-9-]+)?$/;
/** deb-version(7), with `*` for anything. */
const DEB_VERSION = /^[A-Za-z0-9*][A-Za-z0-9.+:~*-]*$/;

/**
 * dnf(8), "Specifying packages", yum(8), and zypper(8), "Package management commands": NAME[.ARCH], with patterns and the
 * parentheses of provided names, `perl(Foo::Bar)` and `bundled(npm(foo))`; an operator and a version after it, as in `vim >= 8`. The
 * characters of a name are those of rpm-spec's preamble. zypper reads a leading `-`, `!`, `+` or `~` as an instruction, and joins the
 * next name to an operator at the end. yum 3 reads a leading `-` as "not this one".
 */
const RPM_NAME =
  /^[A-Za-z0-9_*?[][A-Za-z0-9_.+~^:*?[\]!-]*(?:\((?:[^()\s]|\([^()\s]*\))*\)[A-Za-z0-9_.]*)*(?: *(?:[<>]=?|==?) *[A-Za-z0-9._+~^:-]+)?$/;
/** A group or environment group, or a module: `@core`, `@^minimal`, `@Development Tools`, `@*gnome*`, `@nodejs:18/common`. */
const RPM_GROUP = /^@\^?[A-Za-z0-9*?[][^\x00-\x1f\x7f-\x9f]*$/;
const RPM_VERSION = /^[A-Za-z0-9._+~^:*][A-Za-z0-9._+~^:*-]*$/;
const ADDRESS = /^(?:\/|(?:https?|ftp|file):\/\/)[^\x00-\x1f\x7f-\x9f]*$/i;

/** True for the URL or absolute path of a package file. */
export function isAddress(text: string): boolean {
  return ADDRESS.test(text);
}

/** A file in the directory where cfn-init is called. The tools run elsewhere, so they get its full path. */
const OWN_FILE = /^\.{1,2}\/[^\s\x00-\x1f\x7f-\x9f]+$/;

function isRpmName(text: string): boolean {
  if (OWN_FILE.test(text) || (isAddress(text) && !/\s/.test(text))) return true;
  // A pattern without a literal letter or digit matches everything.
  return (RPM_NAME.test(text) || RPM_GROUP.test(text)) && /[A-Za-z0-9]/.test(text.replace(/\[[^\]]*\]/g, ''));
}

const rpmRule: PackageRule = {
  kind: 'a package or group',
  name: isRpmName,
  version: (text) => RPM_VERSION.test(text),
  hint: 'write { "name": "version" }',
  file: /\.rpm$/,
};

/** apk-world(5): NAME[@TAG][OPERATOR VERSION]; a leading `!` means that the package must not be installed. */
const APK_NAME =
  /^[A-Za-z0-9_][A-Za-z0-9+._:-]*(?:@[A-Za-z0-9+._-]+)?(?:(?:[<>]=?|==?|=?~=?|><)[A-Za-z0-9][A-Za-z0-9._~+-]*)?$/;
const APK_VERSION = /^~?[A-Za-z0-9][A-Za-z0-9._~+-]*$/;

/** PKGBUILD(5), pkgname and pkgver; pacman(8), --sync: a repository before the name, an operator and a version after it. */
const ARCH_NAME =
  /^(?:[A-Za-z0-9][A-Za-z0-9_.-]*\/)?[A-Za-z0-9@_+][A-Za-z0-9@._+-]*(?:(?:[<>]=?|=)[A-Za-z0-9][A-Za-z0-9._+~:-]*)?$/;
const ARCH_VERSION = /^[A-Za-z0-9][A-Za-z0-9._+~:-]*$/;

/** RubyGems' Gem::Specification::VALID_NAME_PATTERN, without `-` and `.` at the beginning; or the path of a gem's file. */
const GEM_NAME = /^(?:[A-Za-z0-9_][A-Za-z0-9._-]*|\/[^\s\x00-\x1f\x7f-\x9f]+\.gem)$/;
/** RubyGems' Gem::Requirement::PATTERN: gem reads anything else after `NAME:` as part of the name. */
const GEM_VERSION = /^\s*(?:=|!=|>|<|>=|<=|~>)?\s*[0-9]+(?:\.[0-9a-zA-Z]+)*(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?\s*$/;

const pip = once(() => {
  // The specifiers of PEP 440, separated by commas. No two blanks in a row, which keeps the patterns fast.
  const version = '[A-Za-z0-9][A-Za-z0-9.*!+_-]*';
  const specifier = `(?:===|==|~=|!=|<=|>=|<|>) ?${version}`;
  const specifiers = `${specifier}(?: ?, ?${specifier})*`;
  const address = '@ ?\\w[\\w+.-]*://[^\\s\\x00-\\x1f\\x7f-\\x9f]+';
  return {
    version: new RegExp(`^(?:${version}|${specifiers})$`),
    // PEP 508: a name, extras, specifiers or an address, a marker.
    name: new RegExp(
      `^[A-Za-z0-9][A-Za-z0-9._-]* ?(?:\\[[A-Za-z0-9._, -]*\\])? ?(?:${specifiers}|\\(${specifiers}\\)|${address})? ?(?:;[^\\x00-\\x1f\\x7f-\\x9f]+)?$`,
    ),
  };
});
/** pip's ARCHIVE_EXTENSIONS, of its internal filetypes.py. */
const PIP_FILE = /\.(?:whl|zip|tar|tar\.(?:gz|bz2|xz|lz|lzma)|tgz|tbz|txz|tlz)$/i;
/** A path, a URL, or a repository as in `git+https://`. */
const PIP_ADDRESS = /^(?:\/|\w[\w+.-]*:\/\/)[^\x00-\x1f\x7f-\x9f]*$/;

/** A host or a revision that begins with `-` would be an option to the program that fetches it (CVE-2017-1000117, CVE-2023-5752). */
const BEHIND_AT = /(?:@ *|:\/\/)-/;

function isPipText(pattern: RegExp, text: string): boolean {
  return pattern.test(text.replace(/ +/g, ' ')) && !BEHIND_AT.test(text);
}

const pipRule: PackageRule = {
  kind: 'a Python package',
  name: (text) =>
    isPipText(pip().name, text) || isPipText(PIP_ADDRESS, text) || (OWN_FILE.test(text) && PIP_FILE.test(text)),
  version: (text) => isPipText(pip().version, text) || isPipText(PIP_ADDRESS, text),
  hint: 'write { "name": "version" } as in PEP 508 and PEP 440, or a URL or an absolute path for the version',
  file: PIP_FILE,
};

/** For managers of package files: the name in the document is not passed to any program. */
const fileRule: PackageRule = {
  kind: 'a package',
  name: (text) => !text.startsWith('-') && !CONTROL.test(text),
  version: (text) => !text.startsWith('-') && !CONTROL.test(text),
  hint: 'write { "name": "URL or path" }',
};

const PACKAGE_RULES = {
  dpkg: fileRule,
  rpm: fileRule,
  apt: {
    kind: 'a Debian package',
    name: (text) => DEB_NAME.test(text),
    version: (text) => DEB_VERSION.test(text),
    hint: 'write { "name": "version" }, and URLs and paths of .deb files under dpkg',
  },
  yum: rpmRule,
  dnf: rpmRule,
  zypper: rpmRule,
  apk: {
    kind: 'an Alpine package',
    name: (text) => APK_NAME.test(text),
    version: (text) => APK_VERSION.test(text),
    hint: 'write { "name": "version" }',
  },
  pacman: {
    kind: 'an Arch package or group',
    name: (text) => ARCH_NAME.test(text),
    version: (text) => ARCH_VERSION.test(text),
    hint: 'write { "name": "version" }',
  },
  python: pipRule,
  rubygems: {
    kind: 'a gem',
    name: (text) => GEM_NAME.test(text) || (OWN_FILE.test(text) && text.endsWith('.gem')),
    version: (text) => GEM_VERSION.test(text),
    hint: 'write { "name": "version" }',
    file: /\.gem$/,
  },
} satisfies Readonly<Record<string, PackageRule>>;

export type RuledManager = keyof typeof PACKAGE_RULES;

/**
 * The fault of a package name or of the requested versions, each without blanks at its ends; undefined when all are valid.
 * @param manager its name in the metadata
 */
export function packageFault(manager: RuledManager, name: string, versions: readonly string[]): NameFault | undefined {
  const rule: PackageRule = PACKAGE_RULES[manager];
  // pip gets only the address, so the name in the document is free.
  const isLabel = manager === 'python' && versions.some((version) => PIP_ADDRESS.test(version));
  const nameRule = isLabel ? fileRule.name : rule.name;
  if (name.length > LONGEST_ADDRESS || !nameRule(name))
    return {
      what: `${quoteText(name)} is not the name of ${rule.kind}`,
      hint: rule === rpmRule && isAddress(name) ? 'write a blank in it as %20' : rule.hint,
    };
  // The tools run elsewhere and would search for the file there.
  if (!isLabel && rule.file?.test(name) && !name.includes('/'))
    return { what: `${quoteText(name)} is the name of a file, not of ${rule.kind}`, hint: `write ./${name}` };
  const isFile = (text: string): boolean => manager !== 'python' && isAddress(text);
  const odd = versions.find(
    (version) => version.length > LONGEST_ADDRESS || !(isFile(version) || rule.version(version)),
  );
  return odd === undefined
    ? undefined
    : { what: `${quoteText(odd)} is not a version of ${rule.kind}`, hint: rule.hint };
}

/** A text for a message: quoted and shortened. A URL is not shown, because it may contain a password. */
function quoteText(text: string): string {
  if (/:\/\//.test(text)) return 'this URL';
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
}

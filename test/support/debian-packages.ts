import type { Machine } from './sandbox.ts';

/**
 * Makes dummy packages in a view, a `file:` repository of them, and an apt and dpkg that know nothing else. Each call
 * of apt-get leaves a line in /run/apt-get.calls.
 * @param packages as `name=version`, or `name=version needs other`
 */
export async function makeRepository(machine: Machine, packages: readonly string[]): Promise<void> {
  const builds = packages.map((text) => {
    const [, name = '', version = '', needs] = /^(\S+)=(\S+)(?: needs (.+))?$/.exec(text) ?? [];
    const control = [
      `Package: ${name}`,
      `Version: ${version}`,
      'Architecture: all',
      'Maintainer: nobody <nobody@example.test>',
      ...(needs === undefined ? [] : [`Depends: ${needs}`]),
      'Description: a dummy',
      '',
    ].join('\n');
    return `build '${name}' '${version}' '${control}'`;
  });
  const { code, stderr } = await machine.run(`
    set -e
    # A database of its own: what this machine has installed, or is just installing, does not matter then.
    mkdir -p /run/dpkg/info /run/dpkg/updates /run/dpkg/triggers /run/dpkg/alternatives
    : >/run/dpkg/status
    mount --bind /run/dpkg /var/lib/dpkg
    rm -f /var/cache/apt/*.bin
    mkdir -p /repo && cd /repo
    build() {
      mkdir -p "/tmp/build/$1/DEBIAN" "/tmp/build/$1/usr/share/$1"
      echo "$2" >"/tmp/build/$1/usr/share/$1/version"
      printf '%s' "$3" >"/tmp/build/$1/DEBIAN/control"
      dpkg-deb --build "/tmp/build/$1" "/repo/$1_$2_all.deb" >/dev/null
    }
    ${builds.join('\n')}
    dpkg-scanpackages --multiversion . >Packages 2>/dev/null
    rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/* /etc/apt/preferences.d/*
    echo 'deb [trusted=yes] file:/repo ./' >/etc/apt/sources.list
    mkdir -p /usr/local/sbin
    printf '#!/bin/sh\\necho "$*" >>/run/apt-get.calls\\nexec /usr/bin/apt-get "$@"\\n' >/usr/local/sbin/apt-get
    chmod 755 /usr/local/sbin/apt-get`);
  if (code !== 0) throw new Error(`no repository: ${stderr}`);
}

/** `name=version` of the packages that are installed, in the order asked for. */
export async function installedOf(machine: Machine, ...names: readonly string[]): Promise<string[]> {
  const format = '${db:Status-Status} ${Package}=${Version}\\n';
  const { stdout } = await machine.run(['dpkg-query', '-W', `-f=${format}`, ...names]);
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('installed '))
    .map((line) => line.slice('installed '.length));
}

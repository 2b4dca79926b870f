#!/usr/bin/env bash
# Makes a local apt repository in a root directory, the only one that its apt knows, with dummies of what a weblog needs.
#   test/image/wordpress-repository.sh ROOT
set -euo pipefail
root=$1
repository=$root/srv/packages
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$repository"

# package NAME VERSION [FIELD...]: builds it of the tree in $work/NAME.
package() {
  local name=$1 version=$2 tree=$work/$1
  shift 2
  mkdir -p "$tree/DEBIAN"
  { printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@example.test>\n' "$name" "$version"
    [ $# = 0 ] || printf '%s\n' "$@"
    echo 'Description: a dummy'; } >"$tree/DEBIAN/control"
  dpkg-deb --root-owner-group --build "$tree" "$repository/${name}_${version}_all.deb" >/dev/null
}
# file NAME PATH MODE: of a package, from stdin.
file() { mkdir -p "$(dirname "$work/$1$2")"; cat >"$work/$1$2"; chmod "$3" "$work/$1$2"; }
# service NAME UNIT: one that counts its starts.
service() {
  file "$1" "/lib/systemd/system/$2.service" 644 <<UNIT
[Unit]
Description=The $2 of the test
[Service]
ExecStartPre=/bin/sh -c 'echo started >>/var/lib/$2.starts'
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
UNIT
}

service mysql-server mysql
# The root password is needed once it is set, as with the real ones.
file mysql-server /usr/bin/mysqladmin 755 <<'SH'
#!/bin/sh
systemctl is-active --quiet mysql && [ "$1 $2 $3" = '-u root password' ] && umask 077 && printf %s "$4" >/var/lib/mysql.password
SH
file mysql-server /usr/bin/mysql 755 <<'SH'
#!/bin/sh
umask 077
[ "$1 $2 $3" = "-u root --password=$(cat /var/lib/mysql.password)" ] && cat >/var/lib/mysql.statements
SH
package mysql-server 8.0.1
service apache2 apache2
# One of the two is what the template pins.
package apache2 2.4.62-1
package apache2 2.4.99-1
file wordpress /usr/share/wordpress/wp-config.php 644 <<'PHP'
<?php
define('DB_NAME', 'database_name_here');
define('DB_USER', 'username_here');
define('DB_PASSWORD', 'password_here');
PHP
package wordpress 6.1.1 'Depends: apache2'

(cd "$repository" && dpkg-scanpackages --multiversion . >Packages 2>/dev/null)
echo 'deb [trusted=yes] file:/srv/packages ./' >"$root/etc/apt/sources.list"
rm -rf "$root"/etc/apt/sources.list.d/*

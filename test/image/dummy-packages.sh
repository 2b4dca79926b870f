# Sourced by what makes repositories of dummies: the files of packages, by the name of the package in $work.
# shellcheck shell=bash

# dpkg wants its directories to be open.
umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# file NAME PATH MODE: of a package, from stdin.
file() {
  mkdir -p "$(dirname "$work/$1$2")"
  cat >"$work/$1$2"
  chmod "$3" "$work/$1$2"
}

# service NAME UNIT: one that counts its starts.
service() {
  file "$1" "/usr/lib/systemd/system/$2.service" 644 <<UNIT
[Unit]
Description=The $2 of the test
[Service]
ExecStartPre=/bin/sh -c 'echo started >>/var/lib/$2.starts'
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
UNIT
}

# database NAME UNIT: commands of MySQL. The root password is needed once it is set, as with the real ones.
database() {
  file "$1" /usr/bin/mysqladmin 755 <<SH
#!/bin/sh
systemctl is-active --quiet $2 && [ "\$1 \$2 \$3" = '-u root password' ] && umask 077 && printf %s "\$4" >/var/lib/mysql.password
SH
  file "$1" /usr/bin/mysql 755 <<'SH'
#!/bin/sh
umask 077
[ "$1 $2 $3" = "-u root --password=$(cat /var/lib/mysql.password)" ] && cat >/var/lib/mysql.statements
SH
}

# weblog NAME PATH: its configuration before it is finished.
weblog() {
  file "$1" "$2" 644 <<'PHP'
<?php
define('DB_NAME', 'database_name_here');
define('DB_USER', 'username_here');
define('DB_PASSWORD', 'password_here');
PHP
}

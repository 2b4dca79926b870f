#!/usr/bin/env bash
# Makes a local apt repository in a root directory, the only one that its apt knows, with dummies of what a weblog needs.
#   test/image/wordpress-repository.sh ROOT
set -euo pipefail
. "$(dirname "$0")/dummy-packages.sh"
root=$1
repository=$root/srv/packages
mkdir -p "$repository"

# package NAME VERSION [FIELD...]: builds it of the tree in $work/NAME.
package() {
  local name=$1 version=$2 tree=$work/$1
  shift 2
  mkdir -p "$tree/DEBIAN"
  {
    printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@example.test>\n' "$name" "$version"
    [ $# = 0 ] || printf '%s\n' "$@"
    echo 'Description: a dummy'
  } >"$tree/DEBIAN/control"
  dpkg-deb --root-owner-group --build "$tree" "$repository/${name}_${version}_all.deb" >/dev/null
}

service mysql-server mysql
database mysql-server mysql
package mysql-server 8.0.1
service apache2 apache2
# One of the two is what the template pins.
package apache2 2.4.62-1
package apache2 2.4.99-1
weblog wordpress /usr/share/wordpress/wp-config.php
package wordpress 6.1.1 'Depends: apache2'

(cd "$repository" && dpkg-scanpackages --multiversion . >Packages 2>/dev/null)
echo 'deb [trusted=yes] file:/srv/packages ./' >"$root/etc/apt/sources.list"
rm -rf "$root"/etc/apt/sources.list.d/*

#!/usr/bin/env bash
# Makes a local dnf repository in a root directory, the only one that its dnf knows, with dummies of what the WordPress
# templates of heat-templates ask for.
#   test/image/heat-templates-repository.sh ROOT
set -euo pipefail
. "$(dirname "$0")/dummy-packages.sh"
root=$1
repository=$root/srv/packages
mkdir -p "$repository" "$root"/etc/{yum.repos.d,rpm,dnf/vars}

# package NAME VERSION: builds it of the tree in $work/NAME. Nothing provides /bin/sh where dpkg has brought it.
package() {
  local name=$1 version=$2 tree=$work/$1
  {
    printf '%s: %s\n' Name "$name" Version "$version" Release 1 Summary 'a dummy' License none BuildArch noarch AutoReqProv no
    printf '%%description\na dummy\n%%install\ncp -a %s/. %%{buildroot}/\n%%files\n' "$tree"
    (cd "$tree" && find . -type f -printf '/%P\n')
  } >"$work/$name.spec"
  rpmbuild -bb --quiet --define "_topdir $work/rpmbuild" --define "_rpmdir $repository" "$work/$name.spec" 2>/dev/null
}

service cronie crond
file cronie /usr/bin/crontab 755 <<'SH'
#!/bin/sh
umask 077
exec cat "$1" >/var/lib/root.crontab
SH
package cronie 1.4.8
database mysql mysqld
package mysql 5.5.32
service mysql-server mysqld
package mysql-server 5.5.32
service httpd httpd
package httpd 2.2.23
weblog wordpress /etc/wordpress/wp-config.php
package wordpress 3.5.2

createrepo_c -q "$repository"
printf '[local]\nname=local\nbaseurl=file:///srv/packages\ngpgcheck=0\n' >"$root/etc/yum.repos.d/local.repo"
printf '[main]\nmodule_platform_id=platform:f17\nskip_if_unavailable=False\n' >"$root/etc/dnf/dnf.conf"
echo 17 >"$root/etc/dnf/vars/releasever"
# Debian keeps the database in the home directory of whoever asks.
echo '%_dbpath /var/lib/rpm' >"$root/etc/rpm/macros"

# Sourced by scripts/package.
# shellcheck shell=bash disable=SC2154 # it shares the variables of package

# make_deb ROOT FILE: packs a staged root.
make_deb() {
  local root=$1 file=$2 size
  install -d -m 755 "$root/DEBIAN" "$root/usr/share/lintian/overrides"
  install -m 644 "$project/packaging/deb/lintian-overrides" "$root/usr/share/lintian/overrides/cfntools"
  gzip --best --no-name <"$project/packaging/deb/changelog" >"$root/usr/share/doc/cfntools/changelog.gz"
  # As policy wants it, without directories, whose size is a matter of the file system that we build on.
  size=$(find "$root" -path "$root/DEBIAN" -prune -o -type f -printf '%s\n' | awk '{ n += int(($1 + 1023) / 1024) } END { print n }')
  sed -e "s/@VERSION@/$version/" -e "s/@DEB_ARCH@/$deb_arch/" -e "s/@INSTALLED_SIZE@/$size/" \
    -e "s,@HOMEPAGE@,$homepage," -e "s,@REPOSITORY@,$repository," -e "s,@BROWSER@,${repository%.git}," \
    "$project/packaging/deb/control.in" >"$root/DEBIAN/control"
  install -m 755 "$project"/packaging/deb/{postinst,prerm,postrm} "$root/DEBIAN/"
  (cd "$root" && find etc -type f | sort | sed 's,^,/,') >"$root/DEBIAN/conffiles"
  (cd "$root" && find . -path ./DEBIAN -prune -o -type f -print | sed 's,^\./,,' | sort | xargs md5sum) >"$root/DEBIAN/md5sums"
  chmod 644 "$root"/DEBIAN/{control,conffiles,md5sums}
  find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group -Zxz -z6 --build "$root" "$file" >/dev/null
}

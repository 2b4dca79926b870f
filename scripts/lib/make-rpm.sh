# Sourced by scripts/package.
# shellcheck shell=bash

# make_rpm ROOT FILE: packs a staged root.
make_rpm() {
  local root=$1 file=$2 top=$work/rpmbuild
  rm -rf "$top"
  mkdir -p "$top"
  sed -e "s/@VERSION@/$version/" -e "s,@STAGE@,$root," "$project/packaging/rpm/cfntools.spec.in" >"$top/cfntools.spec"
  # The binary is stripped already, and must not be again. Everything that differs from one build to the next is fixed.
  rpmbuild -bb --quiet --target "$rpm_arch" \
    --define "_topdir $top" \
    --define "_buildhost localhost" \
    --define "use_source_date_epoch_as_buildtime 1" \
    --define "clamp_mtime_to_source_date_epoch 1" \
    --define "__os_install_post %{nil}" \
    --define "debug_package %{nil}" \
    --define "_build_id_links none" \
    --define "_binary_payload w6T2.xzdio" \
    "$top/cfntools.spec" >&2
  mv "$top/RPMS/$rpm_arch/$name-1.$rpm_arch.rpm" "$file"
}

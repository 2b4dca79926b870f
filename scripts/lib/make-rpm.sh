# Sourced by scripts/package.
# shellcheck shell=bash disable=SC2154 # it shares the variables of package

# make_rpm ROOT FILE: packs a staged root.
make_rpm() {
  local root=$1 file=$2 top spec
  # Not below the project: rpmbuild takes a path with a space in it for two.
  top=$(mktemp -d)
  # shellcheck disable=SC2064 # now, since it is local
  trap "rm -rf '$top'" EXIT
  spec=$(<"$project/packaging/rpm/cfntools.spec.in")
  spec=${spec//@VERSION@/$version}
  spec=${spec//@LICENCES@/$licences}
  spec=${spec//@HOMEPAGE@/$homepage}
  spec=${spec//@REPOSITORY@/$repository}
  printf '%s\n' "${spec//@STAGE@/"$root"}" >"$top/cfntools.spec"
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

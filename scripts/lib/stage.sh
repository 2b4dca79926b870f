# Sourced by scripts/package: lays out what a guest gets, once; the deb, the rpm and the tarball are made from it.
# shellcheck shell=bash disable=SC2154 # it shares the variables of package

readonly commands=(cfn-init cfn-signal cfn-hup cfn-get-metadata cfn-create-aws-symlinks cfn-push-stats)

# stage ROOT BINARY: fills ROOT. Every file is dated SOURCE_DATE_EPOCH, whoever builds.
stage() {
  local root=$1 binary=$2 units=usr/lib/systemd/system doc=$1/usr/share/doc/cfntools command room
  rm -rf "$root"
  install -d -m 755 "$root"/{usr/bin,opt/aws/bin,etc/cfn/hooks.d,etc/default,etc/logrotate.d,usr/lib/tmpfiles.d} \
    "$root/$units/systemd-tmpfiles-setup.service.d" "$root/usr/lib/systemd/system-preset" \
    "$root"/usr/share/{bash-completion/completions,zsh/vendor-completions,fish/vendor_completions.d,doc/cfntools/examples}
  install -d -m 700 "$root"/var/{lib/heat-cfntools,cache/heat-cfntools,lib/cfn-hup}

  install -m 755 "$binary" "$root/usr/bin/cfntools"
  for command in "${commands[@]}"; do
    # The one that has a script in its place, below.
    [ "$command" = cfn-create-aws-symlinks ] || ln -s cfntools "$root/usr/bin/$command"
    ln -s "/usr/bin/$command" "$root/opt/aws/bin/$command"
  done
  install -m 755 "$project/packaging/cfn-create-aws-symlinks" "$root/usr/bin/"
  install -m 644 "$project"/packaging/systemd/*.{service,timer} "$root/$units/"
  install -m 644 -t "$root/$units/systemd-tmpfiles-setup.service.d" "$project"/packaging/systemd/systemd-tmpfiles-setup.service.d/*
  install -m 644 "$project/packaging/systemd/95-cfntools.preset" "$root/usr/lib/systemd/system-preset/"
  install -m 644 "$project/packaging/tmpfiles.d/cfntools.conf" "$root/usr/lib/tmpfiles.d/"
  install -m 644 "$project/packaging/logrotate/cfntools" "$root/etc/logrotate.d/"
  install -m 644 "$project/packaging/default/cfn-hup" "$root/etc/default/"

  "$node" "$project/scripts/lib/man-pages.ts" "$root/usr/share/man"
  find "$root/usr/share/man" -type f -exec gzip --best --no-name {} +
  "$node" "$project/scripts/lib/completions.ts" "$root/usr/share"
  "$node" "$project/scripts/lib/notices.ts" summary >"$doc/copyright"
  "$node" "$project/scripts/lib/notices.ts" texts | gzip --best --no-name >"$doc/NOTICES.gz"
  install -m 644 -t "$doc" "$project/README.md"
  install -D -m 644 -t "$doc/docs" "$project"/docs/*.md
  for room in "$project"/docs/*/; do install -D -m 644 -t "$doc/docs/$(basename "$room")" "$room"*; done
  install -m 644 -t "$doc/examples" "$project"/examples/*
  # As Debian's policy wants it, 12.3: what is longer than 4 KiB; examples are for use as they are.
  find "$doc" -path "$doc/examples" -prune -o -name '*.md' -size +4k -exec gzip --best --no-name {} +
  find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
}

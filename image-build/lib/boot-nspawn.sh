# Sourced by boot-test: the guest is a root directory, booted by systemd-nspawn without a kernel of its own.
# shellcheck shell=bash disable=SC2034,SC2154 # it shares the variables of boot-test

# guest_prepare: unpacks the image, and makes the network that the guest is going to be in. Sets guest_network.
guest_prepare() {
  local root=$image
  if [ ! -d "$image" ]; then
    root=$work/image-root
    mkdir "$root"
    tar --extract --preserve-permissions --numeric-owner --xattrs --xattrs-include='*' --exclude='./dev/*' \
      --file="$image" --directory="$root"
  fi
  [ -d "$root/etc/cloud/cloud.cfg.d" ] || die "$image: no root file system with cloud-init in it"
  : >"$work/console"
  coproc guest_view {
    exec unshare --mount --ipc --uts --net --fork --kill-child bash --norc "$library/boot-nspawn-view.sh" \
      "$root" "$source" "$work/config-drive" "$work/console"
  } 2>"$work/view.log"
  guest_id=$guest_view_PID
  local id
  read -r -t 30 id <&"${guest_view[0]}" || die "no namespaces for the guest: $(cat "$work/view.log")"
  guest_network=/proc/$id/ns/net
  # Its own output is read once more, after which the descriptor stays open: a closed one would end the view.
  exec {guest_says}<&"${guest_view[0]}" {guest_hears}>&"${guest_view[1]}"
}

guest_start() {
  printf 'boot\n' >&"$guest_hears"
  read -r -t 30 -u "$guest_says" nspawn_id || die "nothing boots: $(cat "$work/view.log")"
}

guest_runs() { [ -e "/proc/$nspawn_id/root" ] && kill -0 "$nspawn_id" 2>/dev/null; }

# guest_init: the id of the guest's first process.
guest_init() { cut -d' ' -f1 "/proc/${nspawn_id:-0}/task/${nspawn_id:-0}/children" 2>/dev/null; }

guest_has_finished() { [ -e "/proc/$(guest_init)/root/run/cloud-init/result.json" ]; }

# guest_run FILE: runs a bash script in the guest, as a login of root would.
guest_run() {
  nsenter --target "$(guest_init)" --mount --uts --ipc --net --pid --root --wd -- \
    timeout 120 env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root bash -s <"$1"
}

# guest_copy_logs DIR: what the guest has written, for a report of what went wrong.
guest_copy_logs() {
  local init file
  cp "$work/console" "$1/console"
  init=$(guest_init) || return 0
  for file in "/proc/$init"/root/var/log/{cloud-init,cloud-init-output,heat-provision,part-handler,cfn-init,cfn-hup,cfn-signal}.log; do
    [ ! -f "$file" ] || cp "$file" "$1/"
  done
}

# Closing its stdin ends the view, and the guest with it; both are waited for.
guest_end() {
  [ -n "${guest_hears:-}" ] || return 0
  exec {guest_hears}>&- {guest_says}<&-
  local in=${guest_view[1]:-} out=${guest_view[0]:-}
  if [ -n "$in" ]; then exec {in}>&- {out}<&-; fi
  for _ in $(seq 300); do
    kill -0 "$guest_id" 2>/dev/null || break
    sleep 0.1
  done
  if kill -0 "$guest_id" 2>/dev/null; then
    say 'the guest did not end, and is killed'
    # shellcheck disable=SC2046 # one id a word
    kill -KILL $(guest_init) ${nspawn_id:+"$nspawn_id"} "$guest_id" 2>/dev/null || true
  fi
  wait "$guest_id" 2>/dev/null || true
  unset guest_hears
}

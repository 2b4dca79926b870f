# Sourced by boot-test: the guest is a disk image, booted by QEMU.
# shellcheck shell=bash disable=SC2034,SC2154 # it shares the variables of boot-test

# Its cards, disks and addresses are as Nova's libvirt gives them; nothing is written to the image.
guest_prepare() {
  local format=raw size
  case $image in *.qcow2) format=qcow2 ;; *.vmdk) format=vmdk ;; esac
  size=$(qemu-img info --output=json "$image" | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["virtual-size"])')
  # Larger than the image, as a flavour's disk is: the root has to grow.
  qemu-img create -q -f qcow2 -b "$(realpath "$image")" -F "$format" "$work/disk.qcow2" "$((size + (1 << 30)))"
  truncate -s 256M "$work/ephemeral"
  mke2fs -q -F -t ext4 -L ephemeral0 "$work/ephemeral"
  if [ "$source" = config-drive ]; then
    genisoimage -quiet -output "$work/config-drive.iso" -volid config-2 -rational-rock -joliet "$work/config-drive"
  fi
  guest_network=
}

# guest_arguments ACCELERATOR: sets `arguments`.
guest_arguments() {
  local net=net=169.254.169.0/24,host=169.254.169.2,dhcpstart=169.254.169.15,dns=169.254.169.3
  # A program for each connection: QEMU's own forwarding to a port serves one connection only.
  local forward=guestfwd=tcp:169.254.169.254
  arguments=(-accel "$1" -cpu max -smp 2 -m "$memory" -nodefaults -no-user-config -display none -no-reboot
    -serial "file:$work/console"
    -object "rng-random,id=random,filename=/dev/urandom" -device "virtio-rng-pci,rng=random"
    -drive "if=virtio,format=qcow2,cache=unsafe,file=$work/disk.qcow2"
    -drive "if=virtio,format=raw,cache=unsafe,file=$work/ephemeral"
    -smbios "type=1,manufacturer=OpenStack Foundation,product=OpenStack Nova,uuid=$server_id"
    -netdev "user,id=net,$net,$forward:80-cmd:socat STDIO TCP:127.0.0.1:$metadata_port,$forward:8000-cmd:socat STDIO TCP:127.0.0.1:$relay_port"
    -device "virtio-net-pci,netdev=net,romfile=")
  # Nova's own is an IDE drive, too.
  [ "$source" != config-drive ] || arguments+=(-drive "if=ide,media=cdrom,format=raw,readonly=on,file=$work/config-drive.iso")
  case $firmware in
  direct) arguments+=(-kernel "$kernel" -initrd "$initrd" -append "root=$kernel_root ro console=ttyS0 net.ifnames=0") ;;
  uefi)
    cp /usr/share/OVMF/OVMF_VARS_4M.fd "$work/variables"
    arguments+=(-drive "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd"
      -drive "if=pflash,format=raw,file=$work/variables")
    ;;
  esac
}

guest_start() {
  local accelerators
  case $accelerator in
  auto) mapfile -t accelerators < <(guest_accelerators) ;;
  kvm) accelerators=(kvm) ;;
  tcg) accelerators=("tcg,thread=multi") ;;
  esac
  for used_accelerator in "${accelerators[@]}"; do
    guest_arguments "$used_accelerator"
    : >"$work/console"
    # It ends with this script, however that ends.
    setpriv --pdeathsig KILL qemu-system-x86_64 "${arguments[@]}" >"$work/qemu.log" 2>&1 </dev/null &
    guest_id=$!
    # Without the notice of the shell when it is killed.
    disown "$guest_id"
    [ "$used_accelerator" = kvm ] || return 0
    guest_shows_life && {
      echo yes >"$(guest_kvm_note)"
      return 0
    }
    say 'KVM is there but the guest does not boot with it: QEMU emulates the processor'
    echo no >"$(guest_kvm_note)"
    guest_end
  done
}

# What was seen of KVM holds until the machine is started again.
guest_kvm_note() { echo "$cache/kvm-works.$(cat /proc/sys/kernel/random/boot_id)"; }

# /dev/kvm may be there, and open, where a nested guest does not get further than its first instructions: only trying
# tells.
guest_accelerators() {
  if [ -r /dev/kvm ] && [ -w /dev/kvm ] && [ "$(cat "$(guest_kvm_note)" 2>/dev/null)" != no ]; then echo kvm; fi
  echo tcg,thread=multi
}

# Whether the kernel says something within half a minute, which takes a second with KVM.
guest_shows_life() {
  for _ in $(seq 300); do
    grep -aqE 'Linux version|systemd\[1\]|Welcome to|login:|Cloud-init v' "$work/console" && return 0
    guest_runs || return 1
    sleep 0.1
  done
  return 1
}

guest_has_finished() { grep -aqE 'Cloud-init v[^ ]* .*finished at|Reached target .*cloud-init.target' "$work/console"; }

guest_runs() { kill -0 "$guest_id" 2>/dev/null; }

guest_copy_logs() { cp "$work/console" "$work/qemu.log" "$1/" 2>/dev/null || true; }

guest_end() {
  [ -n "${guest_id:-}" ] || return 0
  kill -TERM "$guest_id" 2>/dev/null || true
  for _ in $(seq 50); do
    kill -0 "$guest_id" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$guest_id" 2>/dev/null || true
  wait "$guest_id" 2>/dev/null || true
  guest_id=
}

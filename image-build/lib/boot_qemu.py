"""The guest of boot-test as a disk image, booted by QEMU.

Its cards, disks and addresses are as Nova's libvirt gives them; nothing is written to the image.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess

from boot_guest import call, comes_true, die, ends_within, must, need, say, start

OVMF = '/usr/share/OVMF/OVMF_CODE_4M.fd'
LIFE = re.compile(rb'Linux version|systemd\[1\]|Welcome to|login:|Cloud-init v')
FINISHED = re.compile(rb'Cloud-init v[^ ]* .*finished at|Reached target .*cloud-init\.target')
EMULATED = 'tcg,thread=multi'


class QemuGuest:
    # It has a network of its own, inside of QEMU.
    network = None
    limit = 900

    def __init__(self, boot):
        self.boot = boot
        self.process = None
        self.accelerator = None
        image = pathlib.Path(boot.image)
        need(
            'qemu-system-x86_64:qemu-system-x86',
            'qemu-img:qemu-utils',
            'socat:socat',
            'genisoimage:genisoimage',
            'mke2fs:e2fsprogs',
        )
        if boot.firmware == 'uefi':
            need(f'{OVMF}:ovmf')
        self.kernel, self.initrd = image.with_suffix('.vmlinuz'), image.with_suffix('.initrd')
        if boot.firmware == 'direct':
            for file in (self.kernel, self.initrd):
                if not file.exists():
                    die(f'--firmware direct needs {file}')

    @property
    def title(self):
        name = f'{self.boot.image} in QEMU, {self.boot.firmware}, {self.boot.source}'
        return f'{name}, {self.accelerator.split(",")[0]}' if self.accelerator else name

    def prepare(self):
        boot, work = self.boot, self.boot.work
        kind = pathlib.Path(boot.image).suffix[1:]
        shown = subprocess.run(['qemu-img', 'info', '--output=json', boot.image], stdout=subprocess.PIPE, check=False)
        if shown.returncode != 0:
            raise SystemExit(shown.returncode)
        # Larger than the image, as a flavour's disk is: the root has to grow.
        size = json.loads(shown.stdout)['virtual-size'] + (1 << 30)
        image = os.path.realpath(boot.image)
        must(['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', image, '-F', kind, work / 'disk.qcow2', str(size)])
        with open(work / 'ephemeral', 'wb') as file:
            file.truncate(256 << 20)
        must(['mke2fs', '-q', '-F', '-t', 'ext4', '-L', 'ephemeral0', work / 'ephemeral'])
        if boot.source == 'config-drive':
            options = [
                '-quiet',
                '-output',
                work / 'config-drive.iso',
                '-volid',
                'config-2',
                '-rational-rock',
                '-joliet',
            ]
            must(['genisoimage', *options, work / 'config-drive'])

    def arguments(self, accelerator):
        boot, work = self.boot, self.boot.work
        addresses = 'net=169.254.169.0/24,host=169.254.169.2,dhcpstart=169.254.169.15,dns=169.254.169.3'
        # A program for each connection: QEMU's own forwarding to a port serves one connection only.
        forwards = ''.join(
            f',guestfwd=tcp:169.254.169.254:{there}-cmd:socat STDIO TCP:127.0.0.1:{here}'
            for there, here in ((80, boot.metadata_port), (8000, boot.relay_port))
        )
        server = f'manufacturer=OpenStack Foundation,product=OpenStack Nova,uuid={boot.server_id}'
        arguments = [
            *('-accel', accelerator, '-cpu', 'max', '-smp', '2', '-m', boot.memory),
            *('-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', f'file:{work}/console'),
            *('-object', 'rng-random,id=random,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=random'),
            *('-drive', f'if=virtio,format=qcow2,cache=unsafe,file={work}/disk.qcow2'),
            *('-drive', f'if=virtio,format=raw,cache=unsafe,file={work}/ephemeral'),
            *('-smbios', f'type=1,{server}'),
            *('-netdev', f'user,id=net,{addresses}{forwards}', '-device', 'virtio-net-pci,netdev=net,romfile='),
        ]
        # Nova's own is an IDE drive, too.
        if boot.source == 'config-drive':
            arguments += ['-drive', f'if=ide,media=cdrom,format=raw,readonly=on,file={work}/config-drive.iso']
        if boot.firmware == 'direct':
            command_line = 'root=LABEL=cfntools-root ro console=ttyS0 net.ifnames=0'
            arguments += ['-kernel', self.kernel, '-initrd', self.initrd, '-append', command_line]
        if boot.firmware == 'uefi':
            shutil.copy('/usr/share/OVMF/OVMF_VARS_4M.fd', work / 'variables')
            arguments += ['-drive', f'if=pflash,format=raw,readonly=on,file={OVMF}']
            arguments += ['-drive', f'if=pflash,format=raw,file={work}/variables']
        return arguments

    def start(self):
        chosen = self.boot.accelerator
        for accelerator in self.accelerators() if chosen == 'auto' else [EMULATED if chosen == 'tcg' else chosen]:
            self.accelerator = accelerator
            (self.boot.work / 'console').write_bytes(b'')
            # It ends with us, however we end.
            command = ['setpriv', '--pdeathsig', 'KILL', 'qemu-system-x86_64', *self.arguments(self.accelerator)]
            with open(self.boot.work / 'qemu.log', 'wb') as log:
                self.process = start(command, stdout=log, stderr=log)
            if self.accelerator != 'kvm':
                break
            if self.shows_life():
                self.kvm_note.write_text('yes\n')
                break
            say('KVM is there but the guest does not boot with it: QEMU emulates the processor')
            self.kvm_note.write_text('no\n')
            self.end()
        say(f'booting with {self.accelerator.split(",")[0]}')

    @property
    def kvm_note(self):
        """What was seen of KVM holds until the machine is started again."""
        boot_id = pathlib.Path('/proc/sys/kernel/random/boot_id').read_text().strip()
        return self.boot.cache / f'kvm-works.{boot_id}'

    def accelerators(self):
        """/dev/kvm may be there, and open, where a nested guest does not get further than its first instructions: only
        trying tells."""
        is_open = os.access('/dev/kvm', os.R_OK | os.W_OK)
        has_failed = self.kvm_note.exists() and self.kvm_note.read_text().strip() == 'no'
        return ['kvm', EMULATED] if is_open and not has_failed else [EMULATED]

    def shows_life(self):
        """Whether the kernel says something within half a minute, which takes a second with KVM."""
        return comes_true(lambda: self.has_printed(LIFE) or not self.runs(), 30, 0.1) and self.has_printed(LIFE)

    def has_printed(self, pattern):
        return pattern.search((self.boot.work / 'console').read_bytes()) is not None

    def has_finished(self):
        return self.has_printed(FINISHED)

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def copy_logs(self, directory):
        call(['cp', self.boot.work / 'console', self.boot.work / 'qemu.log', directory], stderr=subprocess.DEVNULL)

    def end(self):
        if self.process is None:
            return
        self.process.terminate()
        if not ends_within(self.process, 5):
            self.process.kill()
            self.process.wait()
        self.process = None

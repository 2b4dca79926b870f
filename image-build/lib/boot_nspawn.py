"""The guest of boot-test as a root directory, booted by systemd-nspawn without a kernel of its own."""

import contextlib
import os
import pathlib
import select
import shutil
import signal
import subprocess
import time

from boot_guest import LIBRARY, call, die, ends_within, must, need, say

PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
# Seconds.
PATIENCE = 30


class NspawnGuest:
    accelerator = None
    limit = 120

    def __init__(self, boot):
        self.boot = boot
        self.title = f'{boot.image} in a container, {boot.source}'
        self.view = None
        # Of systemd-nspawn.
        self.id = None
        # The file of the network namespace that the guest is going to be in.
        self.network = None
        need('systemd-nspawn:systemd-container', 'ip:iproute2')

    def prepare(self):
        """Unpacks the image, and makes the network."""
        boot, work = self.boot, self.boot.work
        root = pathlib.Path(boot.image)
        if not root.is_dir():
            root = work / 'image-root'
            root.mkdir()
            kept = ['--preserve-permissions', '--numeric-owner', '--xattrs', '--xattrs-include=*', '--exclude=./dev/*']
            must(['tar', '--extract', *kept, f'--file={boot.image}', f'--directory={root}'])
        if not (root / 'etc/cloud/cloud.cfg.d').is_dir():
            die(f'{boot.image}: no root file system with cloud-init in it')
        (work / 'console').write_bytes(b'')
        command = ['unshare', '--mount', '--ipc', '--uts', '--net', '--fork', '--kill-child', 'bash', '--norc']
        arguments = [LIBRARY / 'boot-nspawn-view.sh', root, boot.source, work / 'config-drive', work / 'console']
        with open(work / 'view.log', 'wb') as log:
            # Its stdin stays open as long as we are there: closing it ends the view.
            self.view = subprocess.Popen(
                [*command, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                start_new_session=True,
            )
        self.network = f'/proc/{self.answer("no namespaces for the guest")}/ns/net'

    def answer(self, fault):
        """@returns the next line of the view"""
        line, end = b'', time.monotonic() + PATIENCE
        while not line.endswith(b'\n'):
            ready, _, _ = select.select([self.view.stdout], [], [], max(0, end - time.monotonic()))
            piece = os.read(self.view.stdout.fileno(), 1) if ready else b''
            if piece == b'':
                die(f'{fault}: {(self.boot.work / "view.log").read_text(errors="replace").strip()}')
            line += piece
        return line.decode().strip()

    def start(self):
        self.view.stdin.write(b'boot\n')
        self.id = self.answer('nothing boots')

    def runs(self):
        return os.path.exists(f'/proc/{self.id}/root')

    @property
    def first_process(self):
        """The id of the guest's first process, or None."""
        try:
            return pathlib.Path(f'/proc/{self.id}/task/{self.id}/children').read_text().split()[0]
        except (OSError, IndexError):
            return None

    def has_finished(self):
        return os.path.exists(f'/proc/{self.first_process}/root/run/cloud-init/result.json')

    def run(self, script, output):
        """Runs a bash script in the guest, as a login of root would. @returns its exit code"""
        command = [
            'nsenter',
            '--target',
            str(self.first_process),
            '--mount',
            '--uts',
            '--ipc',
            '--net',
            '--pid',
            '--root',
            '--wd',
        ]
        clean = ['timeout', '120', 'env', '-i', f'PATH={PATH}', 'HOME=/root', 'bash', '-s']
        with open(script, 'rb') as lines, open(output, 'wb') as log:
            return call([*command, '--', *clean], stdin=lines, stdout=log, stderr=log)

    def copy_logs(self, directory):
        """What the guest has written, for a report of what went wrong."""
        shutil.copy(self.boot.work / 'console', directory)
        names = (
            'cloud-init',
            'cloud-init-output',
            'heat-provision',
            'part-handler',
            'cfn-init',
            'cfn-hup',
            'cfn-signal',
        )
        for name in names:
            log = f'/proc/{self.first_process}/root/var/log/{name}.log'
            if os.path.isfile(log):
                shutil.copy(log, directory)

    def end(self):
        """Closing its stdin ends the view, and the guest with it; both are waited for."""
        if self.view is None:
            return
        self.view.stdin.close()
        self.view.stdout.close()
        if not ends_within(self.view, PATIENCE):
            say('the guest did not end, and is killed')
            for process in (self.first_process, self.id, self.view.pid):
                if process is not None:
                    kill(int(process))
            self.view.wait()
        self.view = None


def kill(process):
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)

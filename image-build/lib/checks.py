#!/usr/bin/python3
"""Runs in the guest, as root: prints what is there, as one JSON object. It judges nothing; boot-report.py does.

  checks.py [--finished SECONDS]     waits so long for cloud-init to be done with this boot

What must not be readable by others is looked for as the user nobody: the secrets are read from where only root may.
"""

import argparse
import glob
import grp
import json
import os
import pwd
import re
import stat
import subprocess
import time

SECRETS = '/srv/private'
CREDENTIALS = '/etc/cfn/cfn-credentials'
SIGNAL_URL = '/srv/hook-url'
METADATA = '/var/lib/cloud/data/cfn-init-data'
FILES = (
    CREDENTIALS,
    '/etc/cfn/cfn-hup.conf',
    '/etc/cfn/hooks.d/boot-test.conf',
    '/srv/greeting',
    SECRETS,
    '/srv/command',
    '/opt/aws/bin/cfn-init',
    '/var/lib/heat-cfntools/cfn-init-data',
    '/var/cache/heat-cfntools/last_metadata',
)
# Directories that hold metadata, and every copy of it that is known.
PRIVATE = (
    '/var/lib/heat-cfntools',
    '/var/cache/heat-cfntools',
    '/var/lib/cfn-hup',
    '/var/lib/cloud/data/cfn-init-data',
    '/var/lib/cloud/data/cfn-userdata',
    '/var/lib/cloud/data/cfn-boto-cfg',
    '/var/lib/cloud/instance/user-data.txt',
    '/var/lib/cloud/instance/user-data.txt.i',
    '/var/lib/cloud/instance/obj.pkl',
    '/var/log/heat-provision.log',
    '/run/cloud-init/instance-data-sensitive.json',
)
# The server, or what starts it at the first connection.
SSH = ('ssh', 'sshd', 'ssh.socket')
LARGEST = 16 << 20


def output(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, timeout=60)
    return done.stdout.decode(errors='replace').strip()


def read(path):
    try:
        with open(path, errors='replace') as file:
            return file.read()
    except OSError:
        return None


def seen_file(path):
    """Mode, owner and group of a file, and its text when it is not a secret."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    owner, group = pwd.getpwuid(status.st_uid).pw_name, grp.getgrgid(status.st_gid).gr_name
    seen = {'mode': f'{stat.S_IMODE(status.st_mode):o}', 'owner': f'{owner}:{group}'}
    if path in ('/srv/greeting', '/srv/command'):
        seen['text'] = read(path)
    return seen


def seen_users():
    """The user that the metadata asks for, the keys of all, and who could log in with a password."""
    keys = {}
    for user in pwd.getpwall():
        text = read(f'{user.pw_dir}/.ssh/authorized_keys') if user.pw_dir.startswith(('/home/', '/root')) else None
        if text:
            keys[user.pw_name] = text.strip().split('\n')
    with_password = [
        line.split(':')[0]
        for line in (read('/etc/shadow') or '').split('\n')
        if ':' in line and line.split(':')[1][:1] not in ('!', '*')
    ]
    try:
        user = pwd.getpwnam('seed')
        seed = {'uid': user.pw_uid, 'home': user.pw_dir, 'shell': user.pw_shell, 'groups': output('id', '-Gn', 'seed')}
    except KeyError:
        seed = None
    return {'seed': seed, 'authorized_keys': keys, 'with_password': with_password}


def seen_disks():
    """Sizes in bytes. Mounts are those of real devices, by mount point."""
    mounts = {}
    for line in (read('/proc/self/mounts') or '').split('\n'):
        if line.startswith('/dev/'):
            device, point, kind = line.split(' ')[:3]
            mounts[point] = {'device': os.path.realpath(device), 'type': kind}
    system = os.statvfs('/')
    disks = {os.path.basename(path): int(read(f'{path}/size')) * 512 for path in glob.glob('/sys/block/*')}
    return {'mounts': mounts, 'root_bytes': system.f_blocks * system.f_frsize, 'disks': disks}


def secrets():
    """What nobody but root may read: a secret of the metadata, the key of the stack's user, what signals are signed with, passwords."""
    found = [line.strip() for line in (read(SECRETS) or '').split('\n')]
    found += [
        line.split('=', 1)[1] for line in (read(CREDENTIALS) or '').split('\n') if line.startswith('AWSSecretKey=')
    ]
    for url in (read(SIGNAL_URL), os.environ.get('SIGNAL_URL')):
        found += [part.split('=', 1)[1] for part in (url or '').strip().split('&') if part.startswith('Signature=')]
    # Of heat's own API: in a handle, and in the metadata.
    for text in (read(SIGNAL_URL), os.environ.get('SIGNAL_URL'), read(METADATA)):
        found += re.findall(r'"password": "([^"]+)"', text or '')
    return [secret.encode() for secret in found if len(secret) > 8]


def readable_by_nobody(wanted):
    """@returns paths of files and of arguments of processes in which nobody finds one of the secrets, and how many it read"""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        found, looked = ['the search has failed'], 0
        try:
            nobody = pwd.getpwnam('nobody')
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
            found, looked = search(wanted)
        finally:
            os.write(writer, json.dumps({'found': sorted(found), 'looked': looked}).encode()[:60000])
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, 'rb') as pipe:
        answer = json.loads(pipe.read())
    os.waitpid(child, 0)
    return answer


def search(wanted):
    """What was there before this boot cannot hold what this boot was told, so only younger files are read."""
    fields = (read('/proc/1/stat') or '').rsplit(')', 1)[1].split()
    booted = next(int(line.split()[1]) for line in read('/proc/stat').split('\n') if line.startswith('btime'))
    since = booted + int(fields[19]) / os.sysconf('SC_CLK_TCK') - 60
    found, looked = set(), 0
    for directory, names, files in os.walk('/'):
        names[:] = [name for name in names if os.path.join(directory, name) not in ('/proc', '/sys')]
        for name in files:
            path = os.path.join(directory, name)
            try:
                status = os.lstat(path)
                if not stat.S_ISREG(status.st_mode) or status.st_ctime < since or status.st_size > LARGEST:
                    continue
                with open(path, 'rb') as file:
                    content = file.read()
            except OSError:
                continue
            looked += 1
            if any(secret in content for secret in wanted):
                found.add(path)
    for path in glob.glob('/proc/[0-9]*/cmdline') + glob.glob('/proc/[0-9]*/environ'):
        try:
            with open(path, 'rb') as file:
                content = file.read()
        except OSError:
            continue
        looked += 1
        if any(secret in content for secret in wanted):
            found.add(path)
    return found, looked


def open_to_others():
    """Known places of metadata that grant others anything."""
    found = []
    for path in PRIVATE:
        for place in [path] + (glob.glob(path + '/*') if os.path.isdir(path) else []):
            try:
                mode = stat.S_IMODE(os.stat(place).st_mode)
            except OSError:
                continue
            if mode & 0o007 and not (place != path and stat.S_IMODE(os.stat(path).st_mode) & 0o007 == 0):
                found.append(f'{place} {mode:o}')
    return found


def open_for_a_while():
    """Places that others could read until a command of the agent closed them, by its logs."""
    logs = ''.join(read(path) or '' for path in glob.glob('/var/log/cfn-*.log'))
    return sorted({f'{path} until a command ran' for path in re.findall(r'made private: (\S+): ', logs)})


def cloud_init_result(limit):
    """What cloud-init says of this boot once it is done with it, or None."""
    until = time.monotonic() + limit
    while not os.path.exists('/run/cloud-init/result.json') and time.monotonic() < until:
        time.sleep(0.2)
    text = read('/run/cloud-init/result.json')
    return json.loads(text)['v1'] if text else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--finished', type=float, default=0)
    result = cloud_init_result(parser.parse_args().finished)
    wanted = secrets()
    locale = [
        line
        for line in (read('/etc/default/locale') or read('/etc/locale.conf') or '').split('\n')
        if line.startswith('LANG=')
    ]
    language = (locale or ['LANG='])[0].split('=', 1)[1].strip('"')
    print(
        json.dumps(
            {
                'hostname': output('hostname'),
                'fqdn': output('hostname', '-f'),
                'locale': {'lang': language, 'charmap': output('env', f'LC_ALL={language}', 'locale', 'charmap')},
                'host_keys': {
                    os.path.basename(path): seen_file(path)['mode'] for path in glob.glob('/etc/ssh/ssh_host_*_key')
                },
                'machine_id': len((read('/etc/machine-id') or '').strip()) == 32,
                'users': seen_users(),
                'storage': seen_disks(),
                'files': {path: seen_file(path) for path in FILES},
                'services': {
                    name: output('systemctl', 'is-active', name) for name in ('boot-test-seed', 'cfn-hup', *SSH)
                },
                'enabled': {name: output('systemctl', 'is-enabled', name) for name in ('boot-test-seed', 'cfn-hup')},
                'secrets': len(wanted),
                'readable': readable_by_nobody(wanted),
                'open': open_to_others() + open_for_a_while(),
                'cloud_init': result,
                'uptime': float(read('/proc/uptime').split()[0]),
            }
        )
    )


main()

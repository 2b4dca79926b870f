#!/usr/bin/python3
"""Judges what a guest says of itself, and prints it with the times. Exit code 1 when something is not as it should be.

  boot-report.py --state DIR --server FILE --source NAME --title TEXT [--user NAME] [--in-nspawn]
                 [--own-template] [--inspected CODE] [--json FILE]

DIR holds data-1.json, data-2.json (see boot-stack.py; the second one only after an update) and times.json ({what: seconds}).
With --own-template, the guest has called what its owner wanted, and has nothing to say of itself but the signal.
"""

import argparse
import json
import pathlib
import sys

ABSENT = 'not in this mode'
MEBIBYTE = 1 << 20


class Report:
    def __init__(self):
        self.lines = []

    def add(self, name, is_right, seen):
        """is_right: None where the mode cannot show it."""
        result = ABSENT if is_right is None else 'ok' if is_right else 'FAILED'
        self.lines.append({'check': name, 'result': result, 'seen': seen})

    @property
    def failed(self):
        return [line for line in self.lines if line['result'] == 'FAILED']


def judge_seed(report, facts, server, options):
    """What cloud-init brings: the first half of the seed flow."""
    report.add('hostname', facts['hostname'] in (server['name'], server['hostname']), facts['hostname'])
    report.add('full name', facts['fqdn'] == server['hostname'], facts['fqdn'])
    locale = facts['locale']
    report.add(
        'locale', locale['lang'] != '' and locale['charmap'] == 'UTF-8', f'{locale["lang"]}, {locale["charmap"]}'
    )
    keys = facts['users']['authorized_keys']
    owners = [user for user, lines in keys.items() if user != 'root' and server['key'] in lines]
    report.add(
        'key in authorized_keys',
        owners == [options.user] if options.user else len(owners) == 1,
        ', '.join(owners) or keys,
    )
    host_keys = facts['host_keys']
    report.add(
        'ssh host keys',
        bool(host_keys) and set(host_keys.values()) <= {'600', '640'},
        ', '.join(sorted(host_keys)) or 'none',
    )
    ssh = {name: facts['services'][name] for name in ('ssh', 'sshd', 'ssh.socket')}
    report.add('ssh server runs', 'active' in ssh.values(), ', '.join(f'{name} {state}' for name, state in ssh.items()))
    report.add('machine id made', facts['machine_id'], facts['machine_id'])
    report.add(
        'nobody has a password', facts['users']['with_password'] == [], facts['users']['with_password'] or 'none'
    )
    judge_storage(report, facts['storage'], server, options)


def judge_storage(report, storage, server, options):
    if options.in_nspawn:
        report.add('ephemeral disk mounted', None, 'a container has no disks')
        report.add('root has grown', None, 'a container has no disks')
        return
    device = server['disks'].get('ephemeral0')
    mounted = [point for point, mount in storage['mounts'].items() if mount['device'] == f'/dev/{device}']
    report.add('ephemeral disk mounted', mounted == ['/mnt'], f'{device} at {mounted}')
    disk = storage['disks'].get('vda', 0)
    # The rest is the file system's own, and the ESP.
    report.add(
        'root has grown',
        storage['root_bytes'] > disk * 0.88,
        f'{storage["root_bytes"] // MEBIBYTE} of {disk // MEBIBYTE} MiB',
    )


def judge_metadata(report, facts, greeting, when):
    """What cfn-init has made of the metadata."""
    files = facts['files']
    expected = {
        '/etc/cfn/cfn-credentials': ('400', 'root:root'),
        '/etc/cfn/cfn-hup.conf': ('400', 'root:root'),
        '/etc/cfn/hooks.d/boot-test.conf': ('400', 'root:root'),
        '/srv/private': ('600', 'root:root'),
        '/srv/greeting': ('644', 'seed:seed'),
    }
    wrong = {
        path: files[path]
        for path, (mode, owner) in expected.items()
        if files[path] is None or (files[path]['mode'], files[path]['owner']) != (mode, owner)
    }
    report.add(f'files {when}', not wrong, wrong or f'{len(expected)} as asked for')
    texts = {path: (files[path] or {}).get('text') for path in ('/srv/greeting', '/srv/command')}
    report.add(f'file content {when}', texts['/srv/greeting'] == greeting, texts['/srv/greeting'])
    report.add(f'command has run {when}', texts['/srv/command'] == greeting, texts['/srv/command'])
    seed = facts['users']['seed'] or {}
    report.add(
        f'user and group {when}',
        seed.get('uid') == 4711 and 'seed' in seed.get('groups', '').split(),
        f'uid {seed.get("uid")}, groups {seed.get("groups")}',
    )
    services = {name: (facts['services'][name], facts['enabled'][name]) for name in ('boot-test-seed', 'cfn-hup')}
    report.add(
        f'services {when}',
        all(each == ('active', 'enabled') for each in services.values()),
        ', '.join(f'{name} {" ".join(states)}' for name, states in services.items()),
    )


def judge_privacy(report, facts, when):
    looked = facts['readable']['looked']
    # Without secrets to look for or files to look at, finding nothing would mean nothing.
    report.add(
        f'no secret readable by nobody {when}',
        facts['readable']['found'] == [] and facts['secrets'] >= 3 and looked > 50,
        facts['readable']['found'] or f'{facts["secrets"]} secrets in none of {looked} files and processes',
    )
    report.add(f'known places of metadata closed {when}', facts['open'] == [], facts['open'] or 'all')


def judge_signal(report, state, server):
    first = json.loads((state / 'data-1.json').read_text())
    report.add('signal named after the instance', first['id'] == server['uuid'], first['id'])
    return first['data']


def judge_cloud_init(report, result, options):
    source = {'metadata': 'DataSourceOpenStack', 'config-drive': 'DataSourceConfigDrive'}[options.source]
    report.add('data source', result is not None and source in result['datasource'], result and result['datasource'])
    report.add(
        'cloud-init ended without errors',
        result is not None and result['errors'] == [],
        result and (result['errors'] or 'none'),
    )


def load(path):
    return json.loads(path.read_text()) if path.exists() else {}


def describe(value):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.replace('\n', ' ').rstrip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--state', required=True, type=pathlib.Path)
    parser.add_argument('--server', required=True, type=pathlib.Path)
    parser.add_argument('--source', required=True, choices=('metadata', 'config-drive'))
    parser.add_argument('--title', required=True)
    parser.add_argument('--user')
    parser.add_argument('--in-nspawn', action='store_true')
    parser.add_argument('--own-template', action='store_true')
    parser.add_argument('--inspected', type=int, help='the exit code of what was run in the guest at the end')
    parser.add_argument('--json', type=pathlib.Path)
    options = parser.parse_args()
    report, server, state = Report(), json.loads(options.server.read_text()), options.state
    times = load(state / 'times.json')

    first = judge_signal(report, state, server)
    if not options.own_template:
        judge_seed(report, first, server, options)
        judge_metadata(report, first, 'the first greeting\n', 'at boot')
        judge_privacy(report, first, 'at boot')
    finished = [name for name in times if 'cloud-init' in name]
    report.add('cloud-init has come to its end', finished != [], f'{times[finished[0]]:.1f} s' if finished else 'no')
    if (state / 'data-2.json').exists():
        second = json.loads((state / 'data-2.json').read_text())
        judge_cloud_init(report, second['data']['cloud_init'], options)
        judge_metadata(report, second['data'], 'the second greeting\n', 'after the update')
        judge_privacy(report, second['data'], 'after the update')

    if options.inspected is not None:
        report.add('inspection', options.inspected == 0, f'exit code {options.inspected}')

    print(options.title)
    width = max(len(line['check']) for line in report.lines)
    for line in report.lines:
        print(f'  {line["result"]:<16}  {line["check"]:<{width}}  {describe(line["seen"])[:300]}')
    for name, seconds in times.items():
        print(f'  {seconds:8.1f} s  {name}')
    print(
        f'{len(report.failed)} of {len(report.lines)} checks failed'
        if report.failed
        else f'{len(report.lines)} checks, none failed'
    )
    if options.json:
        options.json.write_text(json.dumps({'title': options.title, 'checks': report.lines, 'times': times}, indent=2))
    sys.exit(1 if report.failed else 0)


main()

#!/usr/bin/python3
"""The metadata that Nova gives one server: as its metadata service, or as the tree of a config drive.

  nova-metadata.py serve --server FILE --user-data FILE --listen ADDRESS:PORT --port-file FILE [--log FILE]
  nova-metadata.py write --server FILE --user-data FILE DIRECTORY

FILE of --server is JSON: uuid, ec2_id, name, hostname, key (a public key of OpenSSH), disks (names of the EC2 kind, as
ephemeral0, to devices). Versions and names are those of Nova 26; its answers to a real guest were the pattern.
"""

import argparse
import http.server
import json
import pathlib
import sys
import time

OPENSTACK_VERSIONS = (
    '2012-08-10',
    '2013-04-04',
    '2013-10-17',
    '2015-10-15',
    '2016-06-30',
    '2016-10-06',
    '2017-02-22',
    '2018-08-27',
    '2020-10-14',
    'latest',
)
EC2_VERSIONS = (
    '1.0',
    '2007-01-19',
    '2007-03-01',
    '2007-08-29',
    '2007-10-10',
    '2007-12-15',
    '2008-02-01',
    '2008-09-01',
    '2009-04-04',
    'latest',
)


def openstack_files(server, user_data):
    """The files of one version of the OpenStack kind."""
    metadata = {
        'uuid': server['uuid'],
        'hostname': server['hostname'],
        'name': server['name'],
        'launch_index': 0,
        'availability_zone': 'nova',
        'random_seed': 'c2VlZCBmb3IgYSBib290IHRlc3Q=',
        'project_id': 'demo',
        'devices': [],
        'dedicated_cpus': [],
        'public_keys': {'boot-test': server['key']},
        'keys': [{'name': 'boot-test', 'type': 'ssh', 'data': server['key']}],
    }
    return {
        'meta_data.json': json.dumps(metadata).encode(),
        'user_data': user_data,
        'vendor_data.json': b'{}',
        'vendor_data2.json': b'{"static": {}}',
    }


def ec2_values(server):
    """The tree of the EC2 kind: a dict is a directory."""
    return {
        'ami-id': 'ami-00000001',
        'ami-launch-index': '0',
        'ami-manifest-path': 'FIXED',
        'block-device-mapping': server['disks'],
        'hostname': server['hostname'],
        'instance-action': 'none',
        'instance-id': server['ec2_id'],
        'instance-type': 'm1.small',
        'local-hostname': server['hostname'],
        'local-ipv4': '169.254.169.15',
        'placement': {'availability-zone': 'nova'},
        'public-hostname': server['hostname'],
        'public-ipv4': '',
        'public-keys': {'0': {'openssh-key': server['key']}},
        'reservation-id': 'r-00000001',
        'security-groups': 'default',
    }


def add_tree(pages, path, tree):
    """A directory answers with the names in it, those of directories with a slash; a key is listed with its name."""
    names = [name + ('/' if isinstance(value, dict) else '') for name, value in tree.items()]
    if path.endswith('/public-keys'):
        names = ['0=boot-test']
    pages[path] = '\n'.join(names).encode()
    for name, value in tree.items():
        if isinstance(value, dict):
            add_tree(pages, f'{path}/{name}', value)
        else:
            pages[f'{path}/{name}'] = value.encode()


def service_pages(server, user_data):
    """All answers of the service, by path without a slash at the end."""
    pages = {'': '\n'.join(EC2_VERSIONS).encode(), '/openstack': '\n'.join(OPENSTACK_VERSIONS).encode()}
    for version in OPENSTACK_VERSIONS:
        files = openstack_files(server, user_data)
        pages[f'/openstack/{version}'] = '\n'.join(files).encode()
        pages.update({f'/openstack/{version}/{name}': content for name, content in files.items()})
    for version in EC2_VERSIONS:
        pages[f'/{version}'] = b'meta-data/\nuser-data'
        pages[f'/{version}/user-data'] = user_data
        add_tree(pages, f'/{version}/meta-data', ec2_values(server))
        # Nova has no such page, but cloud-init's EC2 source asks for it again and again where there is none.
        identity = {'instanceId': server['ec2_id'], 'region': 'RegionOne', 'availabilityZone': 'nova'}
        pages[f'/{version}/dynamic/instance-identity/document'] = json.dumps(identity).encode()
        pages[f'/{version}/dynamic/instance-identity'] = b'document'
    return pages


def serve(pages, listen, port_file, log):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            page = pages.get(self.path.rstrip('/'))
            self.answer(404 if page is None else 200, page or b'')

        def do_PUT(self):
            # A token of the EC2 kind, version 2; it is not asked for afterwards.
            self.rfile.read(int(self.headers.get('Content-Length') or 0))
            is_token = self.path == '/latest/api/token'
            self.answer(200 if is_token else 404, b'token' if is_token else b'')

        def answer(self, status, body):
            self.send_response(status)
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            if log:
                print(f'{time.time():.3f} {self.command} {self.path} {status}', file=log, flush=True)

        def log_message(self, *_):
            pass

    address, port = listen.rsplit(':', 1)
    server = http.server.ThreadingHTTPServer((address, int(port)), Handler)
    pathlib.Path(port_file).write_text(f'{server.server_address[1]}\n')
    server.serve_forever()


def write(server, user_data, directory):
    """The config drive's tree, of which cloud-init reads the two `latest`."""
    for version in OPENSTACK_VERSIONS:
        place = directory / 'openstack' / version
        place.mkdir(parents=True)
        for name, content in openstack_files(server, user_data).items():
            (place / name).write_bytes(content)
    for version in ('2009-04-04', 'latest'):
        place = directory / 'ec2' / version
        place.mkdir(parents=True)
        (place / 'meta-data.json').write_text(json.dumps(ec2_values(server)))
        (place / 'user-data').write_bytes(user_data)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', choices=('serve', 'write'))
    parser.add_argument('directory', nargs='?', type=pathlib.Path)
    parser.add_argument('--server', required=True, type=pathlib.Path)
    parser.add_argument('--user-data', required=True, type=pathlib.Path)
    parser.add_argument('--listen', default='127.0.0.1:0')
    parser.add_argument('--port-file', default='/dev/stdout')
    parser.add_argument('--log')
    options = parser.parse_intermixed_args()
    server = json.loads(options.server.read_text())
    user_data = options.user_data.read_bytes()
    if options.what == 'serve':
        serve(
            service_pages(server, user_data),
            options.listen,
            options.port_file,
            open(options.log, 'a') if options.log else None,
        )
    elif options.directory is None:
        sys.exit('nova-metadata.py: write needs a DIRECTORY')
    else:
        write(server, user_data, options.directory)


main()

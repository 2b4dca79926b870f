"""Run by scripts/bench in a mount and a network namespace of its own: PROJECT RUNS."""

import datetime
import http.server
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import threading

project, runs = sys.argv[1], int(sys.argv[2])
ours, node = project + '/dist/linux-x64/', project + '/node_modules/.bin/node'

subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
for directory in ('/var/lib', '/var/cache', '/var/log'):
    subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', directory], check=True)
for directory in ('/var/lib/heat-cfntools', '/var/cache/heat-cfntools'):
    os.mkdir(directory)
metadata = {
    'AWS::CloudFormation::Init': {
        'config': {
            'files': {'/var/log/bench-file': {'content': 'hello\n', 'mode': '000644'}},
            'commands': {'01_true': {'command': 'true'}},
        }
    }
}
for path in ('/var/lib/heat-cfntools/cfn-init-data', '/var/cache/heat-cfntools/last_metadata'):
    with open(path, 'w') as file:
        json.dump(metadata, file)


description = json.dumps(
    {
        'DescribeStackResourceResponse': {
            'DescribeStackResourceResult': {
                'StackResourceDetail': {
                    'Description': '',
                    'LastUpdatedTimestamp': '2026-01-01T00:00:00Z',
                    'LogicalResourceId': 'r',
                    'Metadata': metadata,
                    'ResourceType': 'OS::Nova::Server',
                    'StackName': 's',
                    'ResourceStatus': 'CREATE_COMPLETE',
                }
            }
        }
    }
).encode()

native = json.dumps({'metadata': metadata}).encode()
token = json.dumps(
    {
        'token': {
            'issued_at': '2026-01-01T00:00:00Z',
            'expires_at': '2026-01-01T01:00:00Z',
            'catalog': [
                {'type': 'orchestration', 'endpoints': [{'interface': 'public', 'url': 'http://127.0.0.1:8000/native'}]}
            ],
        }
    }
).encode()


class Endpoint(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == '/native/stacks/s':
            self.answer(302, b'', Location='http://127.0.0.1:8000/native/stacks/s/1')
        else:
            self.answer(200, native if self.path.startswith('/native/') else description)

    def do_PUT(self):
        self.rfile.read(int(self.headers['Content-Length']))
        self.answer(200, b'')

    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        self.answer(201, token, **{'X-Subject-Token': 'bench-token'})

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in {'Content-Type': 'application/json', 'Content-Length': str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


# The port of heat-api-cfn, because the reference finds no other. The network is our own.
server = http.server.ThreadingHTTPServer(('127.0.0.1', 8000), Endpoint)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f'http://127.0.0.1:{server.server_port}/v1/waitcondition/x?Signature=x'
# What cloud-init leaves in a guest of Heat's.
with open('/var/lib/heat-cfntools/cfn-metadata-server', 'w') as file:
    file.write(f'http://127.0.0.1:{server.server_port}/v1/')
with open('/var/lib/heat-cfntools/cfn-boto-cfg', 'w') as file:
    file.write(
        '[Boto]\ndebug = 0\nis_secure = 0\nhttps_validate_certificates = 1\ncfn_region_name = heat\n'
        'cfn_region_endpoint = 127.0.0.1\n'
    )
describe = ['-s', 's', '-r', 'r', '--access-key', 'bench', '--secret-key', 'bench-secret']
# By the name of the stack, which is looked up: keystone, Heat, Heat.
with open('/var/lib/bench-openrc', 'w', opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
    file.write(
        'OS_AUTH_URL=http://127.0.0.1:8000\nOS_APPLICATION_CREDENTIAL_ID=bench\nOS_APPLICATION_CREDENTIAL_SECRET=bench-secret\n'
    )
natively = ['-s', 's', '-r', 'r', '--credential-file', '/var/lib/bench-openrc']
signal = ['-e', '0', '-i', 'bench', url]
cases = {
    'node -e 0': [node, '-e', '0'],
    'curl PUT': ['curl', '-s', '-X', 'PUT', '--data-binary', '{}', url],
    'cfn-init --version': [ours + 'cfn-init', '--version'],
    'cfn-signal': [ours + 'cfn-signal', *signal],
    'cfn-signal, reference': ['/usr/bin/cfn-signal', *signal],
    'cfn-get-metadata': [ours + 'cfn-get-metadata', *describe],
    'cfn-get-metadata, reference': ['/usr/bin/cfn-get-metadata', *describe],
    'cfn-get-metadata, native': [ours + 'cfn-get-metadata', *natively],
    'cfn-init local': [ours + 'cfn-init'],
    'cfn-init local, reference': ['/usr/bin/cfn-init'],
}
env = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/root', 'LANG': 'C.UTF-8'}


def cpu_ms(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


# In turn, so that a machine that slows down slows all of them.
times = {name: [] for name in cases}
for turn in range(runs + 1):
    for name, command in cases.items():
        spent = cpu_ms(command)
        if turn > 0:
            times[name].append(spent)
median = {name: statistics.median(spent) for name, spent in times.items()}

with open('/proc/cpuinfo') as file:
    cpu = next((line.split(':')[1].strip() for line in file if line.startswith('model name')), platform.machine())
print(f'{cpu}, {platform.release()}, {runs} runs in turn, {datetime.date.today()}')
print('\n| CPU ms (user + system) | median | least | most |\n|---|---|---|---|')
for name, spent in times.items():
    print(f'| {name} | {median[name]:.1f} | {min(spent):.1f} | {max(spent):.1f} |')

budgets = [
    ('cfn-signal', 'cfn-signal, reference', 0.50),
    ('cfn-signal', 'node -e 0', 1.7),
    ('cfn-get-metadata', 'cfn-get-metadata, reference', 0.60),
    ('cfn-get-metadata, native', 'cfn-get-metadata', 1.3),
    ('cfn-init local', 'cfn-init local, reference', 0.60),
]
print('\n| ratio of medians | is | budget | |\n|---|---|---|---|')
held = True
for name, base, budget in budgets:
    ratio = median[name] / median[base]
    held &= ratio <= budget
    print(f'| {name} : {base} | {ratio:.2f} | {budget:.2f} | {"holds" if ratio <= budget else "EXCEEDED"} |')
sys.exit(0 if held else 1)

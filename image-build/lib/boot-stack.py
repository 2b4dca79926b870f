#!/usr/bin/python3
"""The stack that a boot is tested with, as its owner sees it: heat's and keystone's API.

  boot-stack.py create --heat DIR --state DIR --limit SECONDS --interval TEXT --heat-there URL
  boot-stack.py wait   --heat DIR --state DIR --limit SECONDS
  boot-stack.py update --heat DIR --state DIR
  boot-stack.py delete --heat DIR --state DIR

DIR of --heat is what scripts/lib/heat-up has made. --state receives stack.json (what was asked for), metadata.json (as
the guest is to get it), booted_url and hooked_url (of the signals, as the guest reaches them) and, after wait,
data-1.json or data-2.json: id and text of the signal.
Exit code 75: the limit has passed.
"""
import argparse
import json
import pathlib
import secrets
import sys
import time

import yaml
from keystoneauth1 import exceptions, session
from keystoneauth1.identity import v3

TEMPLATE = pathlib.Path(__file__).with_name('boot-stack.yaml')


class Stack:
    def __init__(self, options):
        addresses = json.loads((options.heat / 'heat.json').read_text())
        auth = v3.Password(auth_url=addresses['keystone'], username=addresses['user'], password=addresses['password'],
                           project_name=addresses['project'], user_domain_name='Default',
                           project_domain_name='Default')
        self.session = session.Session(auth=auth)
        self.base = f"{addresses['api']}/{self.session.get_project_id()}/stacks"
        # What heat calls its interface for guests: http://ADDRESS:PORT
        self.heat_here = addresses['cfn'].rstrip('/').rsplit('/', 1)[0]
        self.options = options
        self.file = options.state / 'stack.json'
        self.state = json.loads(self.file.read_text()) if self.file.exists() else {}

    def ask(self, method, path='', **more):
        try:
            return self.session.request(f'{self.base}{path}', method, timeout=60, **more)
        except exceptions.HttpError as error:
            sys.exit(f'boot-stack.py: heat refuses {method} {path or "/"}: {error}')

    @property
    def path(self):
        return f"/{self.state['name']}/{self.state['id']}"

    def save(self):
        self.file.write_text(json.dumps(self.state, indent=2))

    def show(self):
        shown = self.ask('GET', self.path).json()['stack']
        outputs = {each['output_key']: each.get('output_value') for each in shown.get('outputs', [])}
        return shown['stack_status'], shown['stack_status_reason'], outputs

    def body(self):
        return {'template': yaml.safe_load(TEMPLATE.read_text()), 'parameters': self.state['parameters'],
                'timeout_mins': int(self.state['parameters']['limit']) // 60 + 5}

    def create(self):
        parameters = {'greeting': 'the first greeting\n', 'secret': f'secret-{secrets.token_hex(16)}\n',
                      # Later than our own limit, which says more.
                      'limit': str(self.options.limit + 120), 'interval': self.options.interval}
        self.state = {'name': f'boot{secrets.token_hex(4)}', 'parameters': parameters}
        self.state['id'] = self.ask('POST', json={'stack_name': self.state['name'], **self.body()}).json()['stack']['id']
        self.save()
        self.until(300, self.is_all_but_waiting)
        metadata = self.ask('GET', f'{self.path}/resources/server/metadata').json()['metadata']
        (self.options.state / 'metadata.json').write_text(json.dumps(metadata))
        # The values of a resource are known to the stack a moment after its status.
        for name in ('booted_url', 'hooked_url'):
            url = self.until(60, lambda: self.show()[2].get(name))
            (self.options.state / name).write_text(url.replace(self.heat_here, self.options.heat_there) + '\n')

    def is_all_but_waiting(self):
        status, reason, _ = self.show()
        if status == 'CREATE_FAILED':
            sys.exit(f'boot-stack.py: {status}: {reason}')
        resources = self.ask('GET', f'{self.path}/resources').json()['resources']
        made = [each['resource_status'] for each in resources if not each['resource_type'].endswith('::WaitCondition')]
        return len(made) >= 5 and all(each == 'CREATE_COMPLETE' for each in made)

    def until(self, limit, is_so):
        end = time.monotonic() + limit
        while True:
            answer = is_so()
            if answer:
                return answer
            if time.monotonic() > end:
                status, reason, _ = self.show()
                print(f'boot-stack.py: {status} after {limit} s: {reason}', file=sys.stderr)
                sys.exit(75)
            time.sleep(0.25)

    def is_settled(self):
        status, reason, outputs = self.show()
        if status.endswith('_IN_PROGRESS'):
            return None
        if not status.endswith('_COMPLETE'):
            sys.exit(f'boot-stack.py: {status}: {reason}')
        return outputs

    def wait(self):
        is_update = self.state['parameters'].get('updated') == 'true'
        name, number = ('hooked', 2) if is_update else ('booted', 1)
        outputs = self.until(self.options.limit, self.is_settled)
        # {"ID": "TEXT"}, as JSON in JSON.
        (identity, text), = json.loads(outputs[name]).items()
        (self.options.state / f'data-{number}.json').write_text(json.dumps({'id': identity, 'data': json.loads(text)}))
        print(self.show()[0])

    def update(self):
        self.state['parameters'].update(updated='true', greeting='the second greeting\n')
        self.save()
        self.ask('PUT', self.path, json=self.body())

    def delete(self):
        self.ask('DELETE', self.path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', choices=('create', 'wait', 'update', 'delete'))
    parser.add_argument('--heat', required=True, type=pathlib.Path)
    parser.add_argument('--state', required=True, type=pathlib.Path)
    parser.add_argument('--limit', type=int, default=300)
    parser.add_argument('--interval', default='5s')
    parser.add_argument('--heat-there')
    options = parser.parse_args()
    getattr(Stack(options), options.what)()


main()

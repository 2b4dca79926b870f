#!/usr/bin/python3
"""The stack that a boot is tested with, as its owner sees it: heat's and keystone's API.

  boot-stack.py create --heat DIR --state DIR --limit SECONDS --heat-there URL [--interval TEXT]
                       [--template FILE [--parameter NAME=VALUE]...]
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

import boot_template
import yaml
from keystoneauth1 import exceptions, session
from keystoneauth1.identity import v3

TEMPLATE = pathlib.Path(__file__).with_name('boot-stack.yaml')


class Stack:
    def __init__(self, options):
        addresses = json.loads((options.heat / 'heat.json').read_text())
        auth = v3.Password(
            auth_url=addresses['keystone'],
            username=addresses['user'],
            password=addresses['password'],
            project_name=addresses['project'],
            user_domain_name='Default',
            project_domain_name='Default',
        )
        self.session = session.Session(auth=auth)
        self.base = f'{addresses["api"]}/{self.session.get_project_id()}/stacks'
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
        return f'/{self.state["name"]}/{self.state["id"]}'

    def save(self):
        self.file.write_text(json.dumps(self.state, indent=2))

    def show(self, with_outputs=True):
        shown = self.ask('GET', self.path, params={'resolve_outputs': str(with_outputs).lower()}).json()['stack']
        outputs = {each['output_key']: each.get('output_value') for each in shown.get('outputs', [])}
        return shown['stack_status'], shown['stack_status_reason'], outputs

    def body(self):
        return {
            'template': self.state['template'],
            'parameters': self.state['parameters'],
            'timeout_mins': self.options.limit // 60 + 5,
        }

    def create(self):
        self.state = {'name': f'boot{secrets.token_hex(4)}', **self.wanted()}
        self.state['id'] = self.ask('POST', json={'stack_name': self.state['name'], **self.body()}).json()['stack'][
            'id'
        ]
        self.save()
        self.until(300, self.is_all_but_waiting)
        metadata = self.ask('GET', f'{self.path}/resources/{self.state["server"]}/metadata').json()['metadata']
        (self.options.state / 'metadata.json').write_text(json.dumps(metadata))
        # The values of a resource are known to the stack a moment after its status.
        outputs = (
            {'user_data': boot_template.USER_DATA}
            if self.options.template
            else {'booted_url': 'booted_url', 'hooked_url': 'hooked_url'}
        )
        for file, name in outputs.items():
            text = self.until(60, lambda name=name: self.show()[2].get(name))
            (self.options.state / file).write_text(text.replace(self.heat_here, self.options.heat_there) + '\n')

    def wanted(self):
        """What the stack is made from: the template, its parameters, the name of its server."""
        if self.options.template:
            path = self.options.template
            template, server = boot_template.load(path, path.read_text())
            return {'template': template, 'server': server, 'parameters': dict(self.options.parameter)}
        parameters = {
            'greeting': 'the first greeting\n',
            'secret': f'secret-{secrets.token_hex(16)}\n',
            # Later than our own limit, which says more.
            'limit': str(self.options.limit + 120),
            'interval': self.options.interval,
        }
        return {'template': yaml.safe_load(TEMPLATE.read_text()), 'server': 'server', 'parameters': parameters}

    def is_all_but_waiting(self):
        # Without outputs: asked for the URL of a handle that it is just making, heat makes its user and key a second time,
        # and one of the two fails.
        status, reason, _ = self.show(with_outputs=False)
        if status == 'CREATE_FAILED':
            sys.exit(f'boot-stack.py: {status}: {reason}')
        resources = self.ask('GET', f'{self.path}/resources').json()['resources']
        made = [each['resource_status'] for each in resources if not each['resource_type'].endswith('::WaitCondition')]
        template = self.state['template']
        wanted = [
            each.get('type', each.get('Type')) for each in template.get('resources', template.get('Resources')).values()
        ]
        return len(made) >= len([kind for kind in wanted if not kind.endswith('::WaitCondition')]) and all(
            each == 'CREATE_COMPLETE' for each in made
        )

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
        is_own = name in outputs
        # {"ID": "TEXT"}, as JSON in JSON.
        ((identity, text),) = json.loads(outputs[name] if is_own else self.data_of_condition()).items()
        data = {'id': identity, 'data': json.loads(text) if is_own else text}
        (self.options.state / f'data-{number}.json').write_text(json.dumps(data))
        print(self.show()[0])

    def data_of_condition(self):
        """The data of the first wait condition, of a template that has no output of ours."""
        resources = self.ask('GET', f'{self.path}/resources').json()['resources']
        condition = next(
            each['resource_name'] for each in resources if each['resource_type'].endswith('::WaitCondition')
        )
        shown = self.ask('GET', f'{self.path}/resources/{condition}', params={'with_attr': 'Data'}).json()['resource']
        return shown['attributes']['Data']

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
    parser.add_argument('--template', type=pathlib.Path)
    parser.add_argument('--parameter', action='append', default=[], type=lambda text: text.split('=', 1))
    options = parser.parse_args()
    getattr(Stack(options), options.what)()


main()

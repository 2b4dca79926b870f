"""Prints, as JSON, the stack of examples/server.yaml with what image-build/boot-test wants to see in a guest besides.

With the argument "native" it is the stack of image-build/boot-test with a server of nova's in the place of the one that boot-test
boots. Its guest asks heat's own API, with the user that heat makes for it, and signals HEAT_SIGNAL handles.
"""

import json
import pathlib
import sys

import yaml

PROJECT = pathlib.Path(__file__).parents[2]
LIBRARY = PROJECT / 'image-build/lib'
CHECKS = (LIBRARY / 'checks.py').read_text()
PREPARATION = """umask 077
mkdir -p /srv
cat >/srv/checks <<'CHECKS'
%checks%
CHECKS
echo '%hooked%' >/srv/hook-url
"""
USER_DATA = f"""#!/bin/bash
{PREPARATION}export SIGNAL_URL='%booted%'
/opt/aws/bin/cfn-init -v -s %stack% -r server --region RegionOne
code=$?
echo "$SIGNAL_URL" | /opt/aws/bin/cfn-signal -e "$code" -d "$(/usr/bin/python3 /srv/checks)" -
"""
# Where heat's part handler has put the metadata, with the credentials of the user in it.
HANDED_OUT = '/var/lib/cloud/data/cfn-init-data'


def ask_natively(template):
    resources = template['resources']
    server = resources['server']
    server['properties'].update(user_data_format='SOFTWARE_CONFIG', software_config_transport='POLL_SERVER_HEAT')
    files = server['metadata']['AWS::CloudFormation::Init']['config']['files']
    replace(files['/etc/cfn/cfn-hup.conf'], {'/etc/cfn/cfn-credentials': HANDED_OUT, 'region=heat\n': ''})
    replace(files['/srv/on-update'], {'--region heat': f'-f {HANDED_OUT}', '"$(cat /srv/hook-url)"': '@/srv/hook-url'})
    for name in 'booted', 'hooked':
        resources[name] = {'type': 'OS::Heat::WaitConditionHandle', 'properties': {'signal_transport': 'HEAT_SIGNAL'}}
        wait = resources[f'wait_{name}']
        wait['type'] = 'OS::Heat::WaitCondition'
        wait['properties'] = {key.lower(): value for key, value in wait['properties'].items()}
        server['properties']['user_data']['str_replace']['params'][f'%{name}%'] = {'get_attr': [name, 'signal']}
    # That of AWS is called Data.
    template['outputs'].update(json.loads(json.dumps(template['outputs']).replace('"Data"', '"data"')))


def replace(file, texts):
    content = file['content']['str_replace']
    for old, new in texts.items():
        assert old in content['template'], old
        content['template'] = content['template'].replace(old, new)


def of_example(boot):
    """@returns examples/server.yaml, with what boot-test wants to see in a guest besides."""
    template = yaml.safe_load((PROJECT / 'examples/server.yaml').read_text())
    resources = template['resources']
    server = resources['server']
    for name in 'groups', 'users', 'commands':
        config_of(server)[name] = {**config_of(boot['resources']['server'])[name], **config_of(server).get(name, {})}
    files = config_of(server)['files']
    for path, file in config_of(boot['resources']['server'])['files'].items():
        files.setdefault(path, file)
    replace(files['/etc/cfn/cfn-hup.conf'], {'interval=1\n': 'interval=INTERVAL\n'})
    files['/etc/cfn/cfn-hup.conf']['content']['str_replace']['params']['INTERVAL'] = {'get_param': 'interval'}
    services = config_of(server)['services']['systemd']
    services.setdefault(
        'boot-test-seed', config_of(boot['resources']['server'])['services']['systemd']['boot-test-seed']
    )
    services['cfn-hup']['files'].append('/etc/cfn/hooks.d/boot-test.conf')
    resources.update({name: boot['resources'][name] for name in ('hooked', 'wait_hooked')})
    user_data = server['properties']['user_data']['str_replace']
    first, signal = '/opt/aws/bin/cfn-init', '/opt/aws/bin/cfn-signal -e $?'
    assert first in user_data['template'] and signal in user_data['template']
    user_data['template'] = (
        user_data['template']
        .replace(first, f"{PREPARATION}export SIGNAL_URL='HANDLE'\n{first}", 1)
        .replace(signal, f'{signal} -d "$(/usr/bin/python3 /srv/checks)"')
    )
    user_data['params'].update({'%checks%': CHECKS, '%hooked%': {'get_resource': 'hooked'}})
    server['properties'].update(name='server1', config_drive={'get_param': 'config_drive'})
    template['parameters'].update(
        {name: boot['parameters'][name] for name in ('secret', 'limit', 'interval', 'updated')},
        config_drive={'type': 'boolean'},
    )
    template['conditions'] = boot['conditions']
    template['outputs'].update(booted={'value': {'get_attr': ['wait', 'Data']}}, hooked=boot['outputs']['hooked'])
    return template


def config_of(server):
    return server['metadata']['AWS::CloudFormation::Init']['config']


def of_boot_test(template):
    """@returns the stack of boot-test with a server of nova's."""
    template['parameters'].update(
        {name: {'type': 'string'} for name in ('image', 'flavor', 'network', 'key')}, config_drive={'type': 'boolean'}
    )
    server = template['resources']['server']
    server['type'] = 'OS::Nova::Server'
    server['properties'] = {
        'name': 'server1',
        'image': {'get_param': 'image'},
        'flavor': {'get_param': 'flavor'},
        'networks': [{'network': {'get_param': 'network'}}],
        'key_name': {'get_param': 'key'},
        'config_drive': {'get_param': 'config_drive'},
        # The URLs are signed anew after each signal, which is no reason for another server.
        'user_data_update_policy': 'IGNORE',
        'user_data': {
            'str_replace': {
                'template': USER_DATA,
                'params': {
                    '%checks%': CHECKS,
                    '%stack%': {'get_param': 'OS::stack_name'},
                    '%booted%': {'get_resource': 'booted'},
                    '%hooked%': {'get_resource': 'hooked'},
                },
            }
        },
    }
    ask_natively(template)
    return template


boot_stack = yaml.safe_load((LIBRARY / 'boot-stack.yaml').read_text())
stack = of_boot_test(boot_stack) if sys.argv[1:] == ['native'] else of_example(boot_stack)
stack['outputs']['server'] = {'value': {'get_resource': 'server'}}
# An unquoted date of the version is none for JSON.
print(json.dumps(stack, default=str))

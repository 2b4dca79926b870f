"""Prints, as JSON, the stack of image-build/boot-test with a server of nova's in the place of the one that boot-test boots.

With the argument "native" its guest asks heat's own API, with the user that heat makes for it, and signals HEAT_SIGNAL handles.
"""
import json
import pathlib
import sys

import yaml

LIBRARY = pathlib.Path(__file__).parents[2] / 'image-build/lib'
USER_DATA = '''#!/bin/bash
umask 077
mkdir -p /srv
cat >/srv/checks <<'CHECKS'
%checks%
CHECKS
echo '%hooked%' >/srv/hook-url
export SIGNAL_URL='%booted%'
/opt/aws/bin/cfn-init -v -s %stack% -r server --region RegionOne
code=$?
echo "$SIGNAL_URL" | /opt/aws/bin/cfn-signal -e "$code" -d "$(/usr/bin/python3 /srv/checks)" -
'''
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



template = yaml.safe_load((LIBRARY / 'boot-stack.yaml').read_text())
template['parameters'].update({name: {'type': 'string'} for name in ('image', 'flavor', 'network', 'key')},
                              config_drive={'type': 'boolean'})
server = template['resources']['server']
server['type'] = 'OS::Nova::Server'
server['properties'] = {
    'name': 'server1',
    'image': {'get_param': 'image'},
    'flavor': {'get_param': 'flavor'},
    'networks': [{'network': {'get_param': 'network'}}],
    'key_name': {'get_param': 'key'},
    'config_drive': {'get_param': 'config_drive'},
    'user_data_format': 'HEAT_CFNTOOLS',
    # The URLs are signed anew after each signal, which is no reason for another server.
    'user_data_update_policy': 'IGNORE',
    'user_data': {'str_replace': {
        'template': USER_DATA,
        'params': {'%checks%': (LIBRARY / 'checks.py').read_text(), '%stack%': {'get_param': 'OS::stack_name'},
                   '%booted%': {'get_resource': 'booted'}, '%hooked%': {'get_resource': 'hooked'}},
    }},
}
template['outputs']['server'] = {'value': {'get_resource': 'server'}}
if sys.argv[1:] == ['native']:
    ask_natively(template)
print(json.dumps(template))

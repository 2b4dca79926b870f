"""Prints, as JSON, the stack of image-build/boot-test with a server of nova's in the place of the one that boot-test boots."""
import json
import pathlib

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
/opt/aws/bin/cfn-signal -e "$code" -d "$(/usr/bin/python3 /srv/checks)" "$SIGNAL_URL"
'''

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
print(json.dumps(template))

#!/usr/bin/python3
"""Prints the user data that heat would give Nova for a server with user_data_format HEAT_CFNTOOLS.

  user-data.py --metadata FILE --metadata-server URL [--instance-user NAME] SCRIPT

It is made by heat's own code, from the installed package: the source of NovaClientPlugin.build_userdata is cut out and
run with the little of heat around it that it uses, so neither a database nor a cloud is needed, and nothing is retyped.
"""

import argparse
import ast
import email
import json
import os
import pathlib
import string
import sys
import types
from email.mime import multipart, text
from urllib import parse as urlparse

HEAT = pathlib.Path('/usr/lib/python3/dist-packages/heat')


class NovaClientPlugin:
    @staticmethod
    def is_ignition_format(_):
        return False


# The defaults of heat's own options.
CONF = types.SimpleNamespace(instance_connection_is_secure=False, instance_connection_https_validate_certificates=True)


def load_build_userdata(directory):
    """@returns heat's function, with the names it looks up bound to the above."""
    source = (directory / 'engine/clients/os/nova.py').read_text()
    function = next(
        (
            node
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.FunctionDef) and node.name == 'build_userdata'
        ),
        None,
    )
    if function is None:
        sys.exit(f'user-data.py: {directory}: no build_userdata: is this the heat of another release?')
    module = ast.Module(body=[function], type_ignores=[])

    class Files:
        @staticmethod
        def get_data(_, path):
            return (directory / path).read_bytes()

    names = {
        'os': os,
        'email': email,
        'text': text,
        'multipart': multipart,
        'string': string,
        'urlparse': urlparse,
        'pkgutil': Files,
        'jsonutils': json,
        'NovaClientPlugin': NovaClientPlugin,
        'cfg': types.SimpleNamespace(CONF=CONF),
    }
    exec(compile(module, str(directory), 'exec'), names)  # pylint: disable=exec-used
    return names['build_userdata']


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('script', type=pathlib.Path)
    parser.add_argument('--metadata', required=True, type=pathlib.Path)
    parser.add_argument('--metadata-server', required=True)
    parser.add_argument('--instance-user')
    parser.add_argument('--heat', type=pathlib.Path, default=HEAT)
    options = parser.parse_args()
    plugin = types.SimpleNamespace(get_cfn_metadata_server_url=lambda: options.metadata_server)
    clients = types.SimpleNamespace(client_plugin=lambda _: plugin)
    client = types.SimpleNamespace(context=types.SimpleNamespace(clients=clients))
    build = load_build_userdata(options.heat)
    sys.stdout.write(
        build(client, json.loads(options.metadata.read_text()), options.script.read_text(), options.instance_user)
    )


main()

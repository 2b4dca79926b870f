"""A template of the kind that heat took over from AWS, with its server replaced by the guest of boot-test.

A heat without Nova makes no AWS::EC2::Instance. The guest stands in for it: the metadata stays where it is, the user data
becomes an output, in which heat has resolved everything, and addresses that only Nova knows become the guest's own.
"""

import json
import sys

import yaml

SERVER = 'AWS::EC2::Instance'
USER_DATA = 'BootTestUserData'


def load(path, text):
    """@returns the template, made for the guest, and the name of its server. Ends with what is wrong otherwise."""
    try:
        # As JSON has it: an unquoted date of the version is a string there.
        template = json.loads(json.dumps(yaml.safe_load(text), default=str))
    except yaml.YAMLError as error:
        sys.exit(f'boot-stack.py: {path}: neither JSON nor YAML: {" ".join(str(error).split())}')
    resources = template.get('Resources') if isinstance(template, dict) else None
    if not isinstance(resources, dict):
        sys.exit(f'boot-stack.py: {path}: no Resources: a template of the kind of AWS is wanted')
    servers = [name for name, resource in resources.items() if resource.get('Type') == SERVER]
    if len(servers) != 1:
        sys.exit(f'boot-stack.py: {path}: one {SERVER} is wanted, there are {len(servers)}')
    if not any(resource.get('Type') == 'AWS::CloudFormation::WaitCondition' for resource in resources.values()):
        sys.exit(f'boot-stack.py: {path}: no AWS::CloudFormation::WaitCondition: nothing would be waited for')
    server = resources[servers[0]]
    user_data = server.get('Properties', {}).get('UserData')
    if user_data is None:
        sys.exit(f'boot-stack.py: {path}: {servers[0]} has no UserData, which would call cfn-init')
    server.update(Type='OS::Heat::DeployedServer', Properties={'software_config_transport': 'POLL_SERVER_CFN'})
    template.setdefault('Outputs', {})[USER_DATA] = {'Value': user_data}
    return with_own_address(template, servers[0]), servers[0]


def with_own_address(value, server):
    """The same value, with what Nova would say of the server (PublicIp and the like) replaced by the guest's own."""
    if isinstance(value, list):
        return [with_own_address(each, server) for each in value]
    if not isinstance(value, dict):
        return value
    attribute = value.get('Fn::GetAtt')
    if isinstance(attribute, list) and attribute[:1] == [server]:
        return '127.0.0.1'
    return {name: with_own_address(each, server) for name, each in value.items()}

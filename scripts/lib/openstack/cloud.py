"""Run by openstack/inside with the administrator's OS_ variables: GATEWAY. Makes what a guest needs besides an image, waits until
one could be started, and prints the names as JSON."""

import json
import sys
import time

import openstack

LIMIT = 240
AGENTS = {'neutron-linuxbridge-agent', 'neutron-dhcp-agent', 'neutron-metadata-agent'}

gateway = sys.argv[1]
prefix = gateway.rsplit('.', 1)[0]
cloud = openstack.connect()


def until(what, is_so):
    end = time.monotonic() + LIMIT
    while not is_so():
        if time.monotonic() > end:
            sys.exit(f'{what}: not after {LIMIT} s')
        time.sleep(0.5)


def has_inventory():
    answers = [
        cloud.placement.get(f'/resource_providers/{provider.id}/inventories')
        for provider in cloud.placement.resource_providers()
    ]
    return any(answer.json()['inventories'] for answer in answers)


network = cloud.network.create_network(
    name='guests', is_shared=True, provider_network_type='flat', provider_physical_network='provider'
)
cloud.network.create_subnet(
    name='guests',
    network_id=network.id,
    ip_version=4,
    cidr=f'{prefix}.0/24',
    gateway_ip=gateway,
    allocation_pools=[{'start': f'{prefix}.100', 'end': f'{prefix}.200'}],
)
# The root disk is larger than the image, and there is a second one.
flavor = cloud.compute.create_flavor(name='guest', ram=1024, vcpus=2, disk=2, ephemeral=1)
until(
    'the agents of neutron', lambda: AGENTS.issubset(agent.binary for agent in cloud.network.agents() if agent.is_alive)
)
until('a host of nova', lambda: list(cloud.compute.hypervisors()))
until('its inventory', has_inventory)
print(json.dumps({'network': network.name, 'flavor': flavor.name}))

"""Run by openstack/inside with the administrator's OS_ variables: the accounts and endpoints of the services besides heat's."""

import os

import openstack

SERVICES = {
    'glance': ('image', 'http://127.0.0.1:9292'),
    'placement': ('placement', 'http://127.0.0.1:8778'),
    'nova': ('compute', 'http://127.0.0.1:8774/v2.1'),
    'neutron': ('network', 'http://127.0.0.1:9696'),
}

identity = openstack.connect().identity
project = identity.find_project('service', ignore_missing=False)
roles = [identity.find_role(name, ignore_missing=False) for name in ('admin', 'service')]
for name, (kind, url) in SERVICES.items():
    user = identity.create_user(name=name, domain_id='default', password=os.environ['SERVICE_PASSWORD'])
    for role in roles:
        identity.assign_project_role_to_user(project, user, role)
    service = identity.create_service(name=name, type=kind)
    for interface in ('public', 'internal'):
        identity.create_endpoint(service_id=service.id, interface=interface, url=url, region_id='RegionOne')

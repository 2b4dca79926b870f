"""Run by heat-up: KEYSTONE API CFN [SWIFT]. Makes the accounts, roles and endpoints that a heat needs, and a project to use it in."""

import os
import sys

from keystoneauth1 import session
from keystoneauth1.identity import v3
from keystoneclient.v3 import client

keystone_url, api_url, cfn_url, *swift_urls = sys.argv[1:]
admin = v3.Password(
    auth_url=keystone_url,
    username='admin',
    password=os.environ['ADMIN_PASSWORD'],
    project_name='admin',
    user_domain_name='Default',
    project_domain_name='Default',
)
keystone = client.Client(session=session.Session(auth=admin), endpoint_override=keystone_url)

# Bootstrapping has made some of them already.
roles = {role.name: role for role in keystone.roles.list()}
for name in ('admin', 'member', 'service', 'heat_stack_owner', 'heat_stack_user'):
    if name not in roles:
        roles[name] = keystone.roles.create(name)


def make_user(name, password, project_name, *role_names):
    project = keystone.projects.create(project_name, domain='default')
    user = keystone.users.create(name, domain='default', password=os.environ[password])
    for role_name in role_names:
        keystone.roles.grant(roles[role_name], user=user, project=project)


make_user('heat', 'SERVICE_PASSWORD', 'service', 'admin', 'service')
make_user('demo', 'DEMO_PASSWORD', 'demo', 'member', 'heat_stack_owner')

# The users that a stack makes for its wait handles and access keys live in a domain of their own.
domain = keystone.domains.create('heat')
domain_admin = keystone.users.create('heat_domain_admin', domain=domain, password=os.environ['DOMAIN_PASSWORD'])
keystone.roles.grant(roles['admin'], user=domain_admin, domain=domain)

services = [('orchestration', 'heat', api_url + '/v1/%(tenant_id)s'), ('cloudformation', 'heat-cfn', cfn_url)]
services += [('object-store', 'swift', url + '/v1/AUTH_%(tenant_id)s') for url in swift_urls]
for kind, name, url in services:
    service = keystone.services.create(name, type=kind)
    for interface in ('public', 'internal'):
        keystone.endpoints.create(service, url, interface=interface, region='RegionOne')

"""Two faults of heat 1:19.0.0 on Debian 12, mended where it loads its check of EC2 signatures, which paste finds through
api-paste.ini. Nothing else of heat's is changed.

Keystone answers POST /v3/ec2tokens only for a caller with the role "service" since 2:22.0.2-0+deb12u2; heat asks without a token,
and so would refuse every signature.

A wait condition with TEMP_URL_SIGNAL fails as soon as heat looks at it: it compares what swift gives, bytes, with a text that
says "in progress". Heat of 2026 does so still.
"""

import types

import requests
from heat.api.aws import ec2token
from heat.engine.clients.os import swift
from keystoneauth1 import loading, session
from oslo_config import cfg

service = None


def post(url, headers, **options):
    global service
    if service is None:
        service = session.Session(auth=loading.load_auth_from_conf_options(cfg.CONF, 'keystone_authtoken'))
    return requests.post(url, headers={**headers, 'X-Auth-Token': service.get_token()}, **options)


def EC2Token_filter_factory(global_conf, **local_conf):
    ec2token.requests = types.SimpleNamespace(post=post)
    swift.IN_PROGRESS = b'in progress'
    return ec2token.EC2Token_filter_factory(global_conf, **local_conf)

"""heat-api-cfn's check of EC2 signatures, which asks keystone, with a token for that question.

Keystone answers POST /v3/ec2tokens only for a caller with the role "service" since 2:22.0.2-0+deb12u2; heat 1:19.0.0 asks
without a token, and so would refuse every signature. Found by paste through api-paste.ini; nothing else of heat's is changed.
"""
import types

import requests
from heat.api.aws import ec2token
from keystoneauth1 import loading
from keystoneauth1 import session
from oslo_config import cfg

service = None


def post(url, headers, **options):
    global service
    if service is None:
        service = session.Session(auth=loading.load_auth_from_conf_options(cfg.CONF, 'keystone_authtoken'))
    return requests.post(url, headers={**headers, 'X-Auth-Token': service.get_token()}, **options)


def EC2Token_filter_factory(global_conf, **local_conf):
    ec2token.requests = types.SimpleNamespace(post=post)
    return ec2token.EC2Token_filter_factory(global_conf, **local_conf)

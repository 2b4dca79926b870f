import { expect, it } from 'vitest';
import { type BotoConfig, decodeBotoConfig } from '../../../src/heat/boto-config.ts';

const NOTHING: BotoConfig = {
  isSecure: undefined,
  validatesCertificates: undefined,
  regionName: undefined,
  regionEndpoint: undefined,
  caFile: undefined,
  timeout: undefined,
  retries: undefined,
  longestDelay: undefined,
  proxy: undefined,
  proxyPassword: undefined,
  warnings: [],
  attemptWarnings: [],
};

it.each<[settings: string, expected: Partial<BotoConfig>]>([
  // As heat writes it.
  [
    'debug = 0\nis_secure = 0\nhttps_validate_certificates = 1\ncfn_region_name = heat\ncfn_region_endpoint = 127.0.0.1',
    { isSecure: false, validatesCertificates: true, regionName: 'heat', regionEndpoint: '127.0.0.1' },
  ],
  ['is_secure = True\nhttps_validate_certificates: off', { isSecure: true, validatesCertificates: false }],
  ['ca_certificates_file = /etc/ssl/my ca.pem', { caFile: '/etc/ssl/my ca.pem' }],
  ['ca_certificates_file = system', {}],
  [
    'http_socket_timeout = 5\nnum_retries = 0\nmax_retry_delay = 1.5',
    { timeout: 5000, retries: 0, longestDelay: 1500 },
  ],
  ['http_socket_timeout = None\ncfn_region_name =\n', {}],
  ['http_socket_timeout = 0', {}],
  ['proxy = proxy.example', { proxy: 'http://proxy.example' }],
  ['proxy = 10.0.0.1\nproxy_port = 3128', { proxy: 'http://10.0.0.1:3128' }],
  ['proxy = socks5h://proxy.example\nproxy_port = 1080', { proxy: 'socks5h://proxy.example:1080' }],
  ['proxy = https://proxy.example/\nproxy_port = 3128', { proxy: 'https://proxy.example:3128' }],
  [
    'proxy = p\nproxy_port = 1\nproxy_user = me\nproxy_pass = a#b;c%&*@:/ d',
    { proxy: 'http://me:a%23b%3Bc%25%26*%40%3A%2F%20d@p:1', proxyPassword: 'a#b;c%&*@:/ d' },
  ],
])('%j', (settings, expected) => {
  expect(decodeBotoConfig(`[Boto]\n${settings}`)).toEqual({ ...NOTHING, ...expected });
});

it.each<[text: string, warning: string]>([
  ['[Boto]\nis_secure = perhaps', 'is_secure is not true or false'],
  ['[Boto]\nhttps_validate_certificates = 2', 'https_validate_certificates is not true or false'],
  ['[Boto]\nhttp_socket_timeout = soon', 'http_socket_timeout is not a number of seconds'],
  ['[Boto]\nhttp_socket_timeout = -1', 'http_socket_timeout is not a number of seconds'],
  ['[Boto]\nhttp_socket_timeout = 1e9', 'http_socket_timeout is not a number of seconds'],
  ['[Boto]\nnum_retries = 2.5', 'num_retries is not a number of retries'],
  ['[Boto]\nnum_retries = 1000', 'num_retries is not a number of retries'],
  ['[Boto]\nmax_retry_delay = 99999', 'max_retry_delay is not a number of seconds'],
  ['[Boto]\nca_certificates_file = ca.pem', 'ca_certificates_file is not an absolute path'],
  ['[Boto]\nproxy = a b', 'proxy and proxy_port are not the address of a proxy'],
  ['[Boto]\nproxy = ftp://p', 'proxy and proxy_port are not the address of a proxy'],
  ['[Boto]\nproxy = p\nproxy_port = x', 'proxy and proxy_port are not the address of a proxy'],
  ['[Boto]\nnonsense', 'line 2: neither a section nor a setting'],
  ['is_secure = 1', 'there is no section [Boto]'],
  ['<html>', 'there is no section [Boto]'],
])('is never a crash: %j', (text, warning) => {
  const { warnings, attemptWarnings, ...rest } = decodeBotoConfig(text);
  expect([...warnings, ...attemptWarnings]).toContain(warning);
  expect({ ...rest, warnings: [], attemptWarnings: [] }).toEqual(NOTHING);
});

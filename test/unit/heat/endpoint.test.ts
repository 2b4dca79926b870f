import { describe, expect, it } from 'vitest';
import { Problem } from '../../../src/errors.ts';
import { decodeEndpoint, type EndpointSources } from '../../../src/heat/endpoint.ts';
import { BY_HUP_CONFIG, BY_OPTIONS } from '../../../src/heat/named-by.ts';

const SERVER = '/var/lib/heat-cfntools/cfn-metadata-server';
const BOTO = '/var/lib/heat-cfntools/cfn-boto-cfg';

interface Wanted {
  url?: string;
  region?: string;
  server?: string;
  boto?: string;
}

const sources = ({ url, region, server, boto }: Wanted): EndpointSources => ({
  url,
  region,
  metadataServer: server === undefined ? undefined : { path: SERVER, text: server },
  botoConfig: boto === undefined ? undefined : { path: BOTO, text: `[Boto]\n${boto}` },
  namedBy: BY_OPTIONS,
});

describe('the base URL', () => {
  it.each<[wanted: Wanted, url: string, from: string]>([
    [{ server: 'http://10.0.0.1:8000/v1/' }, 'http://10.0.0.1:8000/v1/', SERVER],
    [{ server: 'http://10.0.0.1:8000/v1/\n' }, 'http://10.0.0.1:8000/v1/', SERVER],
    [{ server: 'http://10.0.0.1:8000/v1' }, 'http://10.0.0.1:8000/v1/', SERVER],
    [{ server: 'http://10.0.0.1:8000' }, 'http://10.0.0.1:8000/v1/', SERVER],
    [{ server: 'http://10.0.0.1:8000/' }, 'http://10.0.0.1:8000/v1/', SERVER],
    [{ server: 'https://Cloud.Example/heat-api-cfn/v1' }, 'https://cloud.example/heat-api-cfn/v1/', SERVER],
    [{ server: 'https://cloud.example:443/v1/' }, 'https://cloud.example/v1/', SERVER],
    [{ server: 'http://cloud.example:443/v1/' }, 'http://cloud.example:443/v1/', SERVER],
    [{ server: 'http://[2001:DB8::1]:8000/v1/' }, 'http://[2001:db8::1]:8000/v1/', SERVER],
    [{ boto: 'cfn_region_endpoint = 10.0.0.2' }, 'http://10.0.0.2:8000/v1/', BOTO],
    [{ boto: 'cfn_region_endpoint = h.example\nis_secure = 1' }, 'https://h.example:8000/v1/', BOTO],
    [{ boto: 'cfn_region_endpoint = h.example:8004' }, 'http://h.example:8004/v1/', BOTO],
    [{ boto: 'cfn_region_endpoint = 2001:db8::1' }, 'http://[2001:db8::1]:8000/v1/', BOTO],
    [{ boto: 'cfn_region_endpoint = [2001:db8::1]' }, 'http://[2001:db8::1]:8000/v1/', BOTO],
    [{ boto: 'cfn_region_endpoint = [2001:db8::1]:9' }, 'http://[2001:db8::1]:9/v1/', BOTO],
    [{ boto: 'cfn_region_endpoint = https://h.example/p/' }, 'https://h.example/p/', BOTO],
    [{ server: 'http://a:1/v1/', boto: 'cfn_region_endpoint = b' }, 'http://a:1/v1/', SERVER],
    [{ url: 'http://c:2/v1', server: 'http://a:1/v1/', boto: 'cfn_region_endpoint = b' }, 'http://c:2/v1/', '--url'],
    [{ url: 'http://c:2' }, 'http://c:2/', '--url'],
    [{ region: 'eu-central-1' }, 'https://cloudformation.eu-central-1.amazonaws.com/', '--region'],
    [{ region: 'cn-north-1' }, 'https://cloudformation.cn-north-1.amazonaws.com.cn/', '--region'],
    [{ region: 'eu-central-1', server: 'http://a:1/v1/' }, 'http://a:1/v1/', SERVER],
  ])('%j is %s', (wanted, url, from) => {
    expect(decodeEndpoint(sources(wanted))).toMatchObject({ endpoint: { url, from }, warnings: [] });
  });

  it('is named as the caller is told it', () => {
    const from = (wanted: Wanted) => decodeEndpoint({ ...sources(wanted), namedBy: BY_HUP_CONFIG }).endpoint?.from;
    expect([from({ url: 'http://c:2' }), from({ region: 'eu-central-1' }), from({ server: 'http://a:1/v1/' })]).toEqual(
      ['url= in cfn-hup.conf', 'region= in cfn-hup.conf', SERVER],
    );
  });

  it.each<[wanted: Wanted]>([[{}], [{ region: 'RegionOne' }], [{ boto: 'is_secure = 1' }]])(
    '%j names none',
    (wanted) => {
      expect(decodeEndpoint(sources(wanted))).toMatchObject({ endpoint: undefined, warnings: [], secrets: [] });
    },
  );

  it.each<[wanted: Wanted, named: string]>([
    [{ server: '10.0.0.1:8000' }, SERVER],
    [{ server: 'http://user:password@h/v1/' }, SERVER],
    [{ server: 'http://h/v1/?a=b' }, SERVER],
    [{ server: 'http://h:99999/v1/' }, SERVER],
    [{ server: '<html>502</html>' }, SERVER],
    [{ boto: 'cfn_region_endpoint = not a host' }, BOTO],
    [{ boto: 'cfn_region_endpoint = :::' }, BOTO],
  ])('%j is warned about and passed over', (wanted, named) => {
    const { endpoint, warnings } = decodeEndpoint(sources(wanted));
    expect(endpoint).toBeUndefined();
    expect(warnings).toEqual([expect.stringContaining(named)]);
    expect(warnings[0]).not.toContain('password');
  });

  it('what is passed over leaves the next in line', () => {
    const wanted = { server: 'nonsense', boto: 'cfn_region_endpoint = h' };
    expect(decodeEndpoint(sources(wanted)).endpoint?.url).toBe('http://h:8000/v1/');
  });

  it.each(['', 'h:8000', 'ftp://h/', 'http://h/?x', 'http://u@h/', 'http://h/ x'])(
    '--url %j is a usage error',
    (url) => {
      expect(() => decodeEndpoint(sources({ url }))).toThrow(expect.objectContaining({ exitCode: 2 }));
      expect(() => decodeEndpoint(sources({ url }))).toThrow(Problem);
    },
  );
});

describe('the connection', () => {
  it('has defaults', () => {
    expect(decodeEndpoint(sources({ url: 'http://h/v1/' })).endpoint).toEqual({
      url: 'http://h/v1/',
      from: '--url',
      region: 'heat',
      validatesCertificates: true,
      caFile: undefined,
      proxy: undefined,
      timeout: 30_000,
      attempts: 6,
      longestDelay: Number.POSITIVE_INFINITY,
    });
  });

  it('takes every key of cfn-boto-cfg', () => {
    const boto = `cfn_region_name = R\nhttps_validate_certificates = 0\nca_certificates_file = /ca\nhttp_socket_timeout = 1
num_retries = 2\nmax_retry_delay = 3\nproxy = p\nproxy_port = 4\nproxy_user = u\nproxy_pass = s3cret#;%&*`;
    const { endpoint, secrets, warnings } = decodeEndpoint(sources({ url: 'http://h/v1/', boto }));
    expect({ endpoint, secrets, warnings }).toEqual({
      endpoint: {
        url: 'http://h/v1/',
        from: '--url',
        region: 'R',
        validatesCertificates: false,
        caFile: '/ca',
        proxy: 'http://u:s3cret%23%3B%25%26*@p:4',
        timeout: 1000,
        attempts: 3,
        longestDelay: 3000,
      },
      secrets: ['s3cret#;%&*'],
      warnings: [],
    });
  });

  it.each<[wanted: Wanted, region: string]>([
    [{ url: 'http://h/', region: 'R' }, 'R'],
    [{ url: 'http://h/', region: 'R', boto: 'cfn_region_name = B' }, 'R'],
    [{ url: 'http://h/', boto: 'cfn_region_name = B' }, 'B'],
    [{ url: 'https://cloudformation.us-west-2.amazonaws.com' }, 'us-west-2'],
    [{ url: 'https://vpce-1.cloudformation.us-west-2.vpce.amazonaws.com' }, 'us-west-2'],
  ])('%j signs for %s', (wanted, region) => {
    expect(decodeEndpoint(sources(wanted)).endpoint?.region).toBe(region);
  });

  it('says which file an oddity is in', () => {
    const { attemptWarnings } = decodeEndpoint(sources({ url: 'http://h/', boto: 'num_retries = x' }));
    expect(attemptWarnings).toEqual([`num_retries is not a number of retries: ${BOTO}: ignored`]);
  });
});

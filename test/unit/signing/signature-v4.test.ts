import { describe, expect, it } from 'vitest';
import { canonicalPath, canonicalQuery, parseQuery } from '../../../src/signing/canonical.ts';
import {
  type CanonicalParts,
  canonicalRequest,
  sha256Hex,
  signV4,
  stringToSign,
} from '../../../src/signing/signature-v4.ts';
import suite from './aws4-test-suite.json' with { type: 'json' };

/** From the AWS page on the test suite. */
const CREDENTIALS = { accessKey: 'AKIDEXAMPLE', secretKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const SCOPE = { time: new Date('2015-08-30T12:36:00Z'), region: 'us-east-1', service: 'service' };
const TOKEN = '6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267';

/** The parts of a request of the suite, without the headers that signV4 adds. */
function partsOf(text: string): { parts: CanonicalParts; token: string | undefined } {
  const [head = '', ...bodies] = text.split('\n\n');
  const [requestLine = '', ...lines] = head.replace(/\n\s+/g, ' ').split('\n');
  const target = requestLine.slice(requestLine.indexOf(' ') + 1, requestLine.lastIndexOf(' '));
  const [path = '', query = ''] = target.split('?');
  const headers: Record<string, string> = {};
  for (const line of lines.filter((text) => text.trim() !== '')) {
    const name = line.slice(0, line.indexOf(':'));
    const value = line.slice(line.indexOf(':') + 1).trim();
    headers[name] = name in headers ? `${headers[name]},${value}` : value;
  }
  const { 'X-Amz-Date': _, 'X-Amz-Security-Token': token, ...rest } = headers;
  return {
    parts: {
      method: requestLine.split(' ')[0] ?? '',
      path: canonicalPath(path),
      query: canonicalQuery(parseQuery(query)),
      headers: rest,
      payloadHash: sha256Hex(bodies.join('\n\n')),
    },
    token,
  };
}

describe('the AWS test suite', () => {
  it.each(Object.entries(suite.tests))('%s', (name, { request, canonical, toSign, authorization }) => {
    const { parts, token } = partsOf(request);
    const sessionToken = token ?? (name === 'get-vanilla-with-session-token' ? TOKEN : undefined);
    const signed = signV4(parts, SCOPE, { ...CREDENTIALS, sessionToken });
    const { Authorization, ...added } = signed;
    const complete = { ...parts, headers: { ...parts.headers, ...added } };
    expect(canonicalRequest(complete)).toBe(canonical);
    expect(stringToSign(canonicalRequest(complete), SCOPE)).toBe(toSign);
    expect(Authorization).toBe(authorization);
  });
});

describe('recorded exchanges with a real Heat', () => {
  const parts = (resource: string): CanonicalParts => ({
    method: 'GET',
    path: canonicalPath('/v1/'),
    query: canonicalQuery([
      ['StackName', 's1'],
      ['LogicalResourceId', resource],
      ['Action', 'DescribeStackResource'],
      ['ContentType', 'JSON'],
      ['Version', '2010-05-15'],
    ]),
    headers: { Host: '127.0.0.1:8000' },
    payloadHash: sha256Hex(''),
  });

  it('boto: the query sorted, the host with its port', () => {
    const headers = signV4(
      parts('config_none'),
      { time: new Date('2026-11-22T07:04:45Z'), region: '0', service: '127' },
      { accessKey: '5aaaa7d2f7bb4c209d8be234669cb92f', secretKey: '6ODDLnpTxXe1nYoB#LlKJBhY6xmFYPlC' },
    );
    expect(headers).toEqual({
      'X-Amz-Date': '20261122T070445Z',
      Authorization:
        'AWS4-HMAC-SHA256 Credential=5aaaa7d2f7bb4c209d8be234669cb92f/20261122/0/127/aws4_request, ' +
        'SignedHeaders=host;x-amz-date, Signature=25d7bfa82d64727571ce01d6ca153136acb7c8e824378eaea9fc93ebe2e83804',
    });
  });

  it('curl, with a secret full of shell characters', () => {
    const headers = signV4(
      parts('deployed'),
      { time: new Date('2026-11-22T07:27:21Z'), region: 'RegionOne', service: 'cloudformation' },
      { accessKey: '5a420ea788b24886b3a82e5ad5601dc2', secretKey: 'OFwa^8ia8^Hu634tee%6@nr^t08wYbDc' },
    );
    expect(headers['Authorization']).toBe(
      'AWS4-HMAC-SHA256 Credential=5a420ea788b24886b3a82e5ad5601dc2/20261122/RegionOne/cloudformation/aws4_request, ' +
        'SignedHeaders=host;x-amz-date, Signature=9ed0e2948bd70fbeed5bfd31e87c61fa6c71531598beccae1a7a9d16b9b106e7',
    );
  });
});

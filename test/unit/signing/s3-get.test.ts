import { describe, expect, it } from 'vitest';
import { canonicalObjectPath } from '../../../src/signing/canonical.ts';
import { s3Region, signS3Get, signV4 } from '../../../src/signing/signature-v4.ts';

const CREDENTIALS = { accessKey: 'AKIAIOSFODNN7EXAMPLE', secretKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
const TIME = new Date('2013-05-24T00:00:00Z');

it('the published example of a GET of part of an object', () => {
  const hash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  const headers = signV4(
    {
      method: 'GET',
      path: canonicalObjectPath('/test.txt'),
      query: '',
      headers: { Host: 'examplebucket.s3.amazonaws.com', Range: 'bytes=0-9', 'x-amz-content-sha256': hash },
      payloadHash: hash,
    },
    { time: TIME, region: 'us-east-1', service: 's3' },
    CREDENTIALS,
  );
  expect(headers['Authorization']).toContain(
    'Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  );
});

describe('signS3Get', () => {
  it('sends what it signs', () => {
    const headers = signS3Get('https://examplebucket.s3.amazonaws.com/test.txt', CREDENTIALS, TIME);
    expect(headers).toEqual({
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      'X-Amz-Date': '20130524T000000Z',
      Authorization: expect.stringMatching(
        /^AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE\/20130524\/us-east-1\/s3\/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=[0-9a-f]{64}$/,
      ),
    });
  });

  it('signs a session token', () => {
    const headers = signS3Get('https://b.s3.amazonaws.com/k', { ...CREDENTIALS, sessionToken: 'token==' }, TIME);
    expect(headers['X-Amz-Security-Token']).toBe('token==');
    expect(headers['Authorization']).toContain('x-amz-date;x-amz-security-token,');
  });

  it.each<[same: string, as: string]>([
    ['https://b.s3.amazonaws.com/a%20b', 'https://b.s3.amazonaws.com/a%20b#fragment'],
    ['https://b.s3.amazonaws.com/a%2Bb', 'https://B.S3.amazonaws.com/a+b'],
    ['https://b.s3.amazonaws.com/k', 'https://b.s3.amazonaws.com:443/k'],
    ['https://b.s3.amazonaws.com/k?a=1&versionId=2', 'https://b.s3.amazonaws.com/k?versionId=2&a=1'],
  ])('%s as %s', (one, other) => {
    expect(signS3Get(one, CREDENTIALS, TIME)).toEqual(signS3Get(other, CREDENTIALS, TIME));
  });

  it.each<[one: string, other: string]>([
    ['https://b.s3.amazonaws.com/a//b', 'https://b.s3.amazonaws.com/a/b'],
    ['https://b.s3.amazonaws.com/a/../b', 'https://b.s3.amazonaws.com/b'],
    ['http://h:9000/b/k', 'http://h/b/k'],
  ])('%s differs from %s', (one, other) => {
    expect(signS3Get(one, CREDENTIALS, TIME)).not.toEqual(signS3Get(other, CREDENTIALS, TIME));
  });
});

it.each([
  ['s3.amazonaws.com', 'us-east-1'],
  ['bucket.s3.amazonaws.com', 'us-east-1'],
  ['bucket.s3.eu-central-1.amazonaws.com', 'eu-central-1'],
  ['s3-us-west-2.amazonaws.com', 'us-west-2'],
  ['bucket.s3-ap-southeast-1.amazonaws.com', 'ap-southeast-1'],
  ['bucket.s3.dualstack.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
  ['bucket.s3.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
  ['objects.example.org', 'us-east-1'],
  ['s3.eu-central-1.example.org', 'us-east-1'],
])('the region of %s is %s', (host, region) => {
  expect(s3Region(host)).toBe(region);
});

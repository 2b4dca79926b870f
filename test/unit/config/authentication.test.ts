import { describe, expect, it } from 'vitest';
import { type Authentications, authenticationFor, decodeAuthentications } from '../../../src/config/authentication.ts';
import { JsonSpans } from '../../../src/json.ts';

function decode(value: Record<string, unknown>): Authentications {
  return decodeAuthentications(value, new JsonSpans(JSON.stringify(value)));
}

const document = {
  'AWS::CloudFormation::Authentication': {
    site: {
      type: 'basic',
      username: 'joe',
      password: 'joes-password',
      uris: ['https://files.example.org/private/', 'https://host.example.org'],
    },
    store: { type: 's3', accessKeyId: 'AKIA1', secretKey: 'stores-secret', buckets: ['mine', 'other.bucket'] },
    role: { type: 'S3', roleName: 'reader', buckets: 'lone' },
  },
};

describe('decodeAuthentications', () => {
  const { byName, secrets, findings } = decode(document);

  it('knows every block', () => {
    expect(byName.get('site')).toMatchObject({ type: 'basic', username: 'joe', password: 'joes-password' });
    expect(byName.get('store')).toMatchObject({ type: 'S3', accessKeyId: 'AKIA1', secretKey: 'stores-secret' });
    expect(byName.get('role')).toMatchObject({ type: 'S3', roleName: 'reader', buckets: ['lone'] });
    expect(findings).toEqual([]);
  });

  it('names what must not be seen, and nothing else', () => {
    expect([...secrets].sort()).toEqual(['AKIA1', 'joes-password', 'stores-secret']);
  });

  it('warns of a type that it does not know, and hides its values all the same', () => {
    const odd = decode({
      'AWS::CloudFormation::Authentication': { 'a/b': { type: 'oauth', token: 'my-token', username: 'joe' } },
    });
    expect(odd.byName.size).toBe(0);
    expect(odd.secrets).toEqual(['my-token']);
    expect(odd.findings).toEqual([
      expect.objectContaining({
        severity: 'warning',
        pointer: '/AWS::CloudFormation::Authentication/a~1b/type',
      }),
    ]);
  });

  it.each([[{}], [{ 'AWS::CloudFormation::Authentication': null }], [{ 'AWS::CloudFormation::Authentication': {} }]])(
    'finds nothing in %j',
    (empty) => {
      expect(decode(empty)).toEqual({ byName: new Map(), secrets: [], findings: [] });
    },
  );
});

describe('authenticationFor', () => {
  const { byName } = decode(document);

  it.each<[url: string, named: string | undefined, expected: string | undefined]>([
    ['http://anywhere/x', 'site', 'site'],
    ['https://mine.s3.amazonaws.com/x', 'site', 'site'],
    ['https://files.example.org/private/x', 'none', undefined],
    ['https://files.example.org/private/x', undefined, 'site'],
    ['https://files.example.org/public/x', undefined, undefined],
    ['http://files.example.org/private/x', undefined, undefined],
    ['https://host.example.org/x', undefined, 'site'],
    ['https://host.example.org?x=1', undefined, 'site'],
    ['https://host.example.org', undefined, 'site'],
    ['https://host.example.org.evil.example/x', undefined, undefined],
    ['https://host.example.org@evil.example/x', undefined, undefined],
    ['https://me:p@ss@files.example.org/private/x', undefined, 'site'],
    ['https://evil.example?@files.example.org/private/x', undefined, undefined],
    ['https://evil.example/@files.example.org/private/x', undefined, undefined],
    ['https://mine.s3.amazonaws.com/x', undefined, 'store'],
    ['https://mine.s3.eu-west-1.amazonaws.com/x', undefined, 'store'],
    ['https://mine.s3-eu-west-1.amazonaws.com/x', undefined, 'store'],
    ['https://s3.amazonaws.com/mine/x', undefined, 'store'],
    ['https://s3-us-west-2.amazonaws.com/other.bucket/x', undefined, 'store'],
    ['https://other.bucket.s3.amazonaws.com/x', undefined, 'store'],
    ['https://lone.s3.amazonaws.com/x', undefined, 'role'],
    ['https://s3.amazonaws.com/mine2/x', undefined, undefined],
    ['https://notmine.s3.amazonaws.com/x', undefined, undefined],
    ['https://example.org/mine/x', undefined, undefined],
    ['/var/lib/x.tgz', undefined, undefined],
  ])('%s (%s): %s', (url, named, expected) => {
    expect(authenticationFor(url, named, byName)?.name).toBe(expected);
  });
});

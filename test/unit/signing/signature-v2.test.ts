import { expect, it } from 'vitest';
import { signV2 } from '../../../src/signing/signature-v2.ts';

it('signs as the example of the AWS General Reference does', () => {
  const query = signV2(
    {
      method: 'GET',
      host: 'elasticmapreduce.amazonaws.com',
      path: '/',
      parameters: [
        ['Action', 'DescribeJobFlows'],
        ['Version', '2009-03-31'],
      ],
      time: new Date('2011-10-03T15:19:30.123Z'),
    },
    { accessKey: 'AKIAIOSFODNN7EXAMPLE', secretKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
  );
  // The page's own time has no Z; the signature of its string with one was made with openssl.
  expect(query).toBe(
    'AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Action=DescribeJobFlows&SignatureMethod=HmacSHA256&SignatureVersion=2' +
      '&Timestamp=2011-10-03T15%3A19%3A30Z&Version=2009-03-31&Signature=66aU6xgCtR7V6ESsGvYrAArQmwGutKSbh8Mn7kSko9E%3D',
  );
});

it('signs as a recorded exchange with a real Heat does', () => {
  const query = signV2(
    {
      method: 'GET',
      host: '127.0.0.1:8000',
      path: '/v1/',
      parameters: [
        ['Action', 'DescribeStackResource'],
        ['StackName', 's1'],
        ['LogicalResourceId', 'config_none'],
        ['Version', '2010-05-15'],
        ['ContentType', 'JSON'],
      ],
      time: new Date('2026-11-22T07:27:16Z'),
    },
    { accessKey: '5a420ea788b24886b3a82e5ad5601dc2', secretKey: 'OFwa^8ia8^Hu634tee%6@nr^t08wYbDc' },
  );
  expect(query).toContain('&Signature=1g6QHjUPbMGqqD%2Fi1TEn7tRGhUy5sMmaWhjVQpkUQdY%3D');
});

it('carries and signs a session token', () => {
  const query = signV2(
    { method: 'GET', host: 'h', path: '/', parameters: [], time: new Date(0) },
    { accessKey: 'A', secretKey: 'S', sessionToken: 'a+b/c=' },
  );
  expect(query).toMatch(/^AWSAccessKeyId=A&SecurityToken=a%2Bb%2Fc%3D&SignatureMethod=.*&Signature=[^&]+$/);
});

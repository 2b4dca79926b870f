import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cfnInit, metadata } from '../support/cfn-init.ts';
import { type Answers, type SeenRequest, startServer } from '../support/http-server.ts';
import { useMachine } from '../support/use-machine.ts';

const machine = useMachine();
const SECRET = 'wJalr&XUtn#FEMI/K7MDENG*bPxRfiCYEXAMPLEKEY';

/** Checks the signature of a GET as S3 does, for paths that need no encoding. */
function isSigned({ target, headers }: SeenRequest): boolean {
  const match = /Credential=AKID\/(\d{8})\/us-east-1\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=(.*)$/.exec(
    headers.authorization ?? '',
  );
  if (match === null || headers['x-amz-content-sha256'] !== 'UNSIGNED-PAYLOAD') return false;
  const [, day = '', names = '', signature] = match;
  const [path, query = ''] = target.split('?');
  const lines = names.split(';').map((name) => `${name}:${headers[name]}\n`);
  const canonical = ['GET', path, query, lines.join(''), names, 'UNSIGNED-PAYLOAD'].join('\n');
  const hash = createHash('sha256').update(canonical).digest('hex');
  const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const key = ['us-east-1', 's3', 'aws4_request'].reduce(hmac, hmac(`AWS4${SECRET}`, day));
  const text = `AWS4-HMAC-SHA256\n${headers['x-amz-date']}\n${day}/us-east-1/s3/aws4_request\n${hash}`;
  return hmac(key, text).toString('hex') === signature;
}

async function fetched(
  answers: Answers,
  block: Readonly<Record<string, unknown>>,
  target = '/bucket/dir//key?versionId=7',
) {
  const server = await startServer(answers);
  const file = join(machine().shared, `s3-${server.port}`);
  const document = metadata(
    { files: { [file]: { source: server.url + target, authentication: 'store' } } },
    { 'AWS::CloudFormation::Authentication': { store: { type: 'S3', ...block } } },
  );
  const ended = await cfnInit(machine(), document);
  await server.close();
  return { ...ended, server, content: () => readFileSync(file, 'utf8') };
}

test('a GET is signed', async () => {
  const answers: Answers = (request) => (isSigned(request) ? { status: 200, body: 'private' } : { status: 403 });
  const { code, stderr, content } = await fetched(answers, { accessKeyId: 'AKID', secretKey: SECRET });
  expect({ code, stderr, content: content() }).toEqual({ code: 0, stderr: '', content: 'private' });
});

test('each attempt anew', async () => {
  const answers: Answers = (request, count) =>
    count === 1 ? { status: 503 } : isSigned(request) ? { status: 200, body: 'private' } : { status: 403 };
  expect((await fetched(answers, { accessKeyId: 'AKID', secretKey: SECRET })).code).toBe(0);
});

test('another host does not get the signature', async () => {
  const other = await startServer({ status: 200, body: 'public' });
  const answers: Answers = () => ({ status: 302, headers: { Location: `${other.url}/elsewhere` } });
  const { content } = await fetched(answers, { accessKeyId: 'AKID', secretKey: SECRET });
  expect(content()).toBe('public');
  const { authorization, ...headers } = other.requests[0]?.headers ?? {};
  expect(authorization).toBeUndefined();
  expect(Object.keys(headers).filter((name) => name.startsWith('x-amz-'))).toEqual([]);
  await other.close();
});

test('without keys it is fetched as it is, with a warning', async () => {
  const { code, stderr, server } = await fetched(() => ({ status: 200, body: 'public' }), { buckets: ['bucket'] });
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringMatching(/^cfn-init: warning: no keys and no role in "store"/),
  });
  expect(server.requests[0]?.headers.authorization).toBeUndefined();
});

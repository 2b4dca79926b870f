import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { type Refusal, refusedDownload, textOfAnswer } from '../../../../src/system/http/download-refusal.ts';

const lineOf = (status: number, body: string, more: Partial<Refusal> = {}): string =>
  refusedDownload({ url: 'https://h/b/k?v=1', status, body, proxy: undefined, ...more }).line;
const s3 = (code: string, message = 'No'): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message><RequestId>1</RequestId></Error>`;

it.each<[status: number, body: string, says: string]>([
  [
    403,
    s3('AccessDenied', 'Access Denied'),
    'HTTP 403 (AccessDenied: Access Denied): https://h/b/k: the credentials may not read it',
  ],
  [403, s3('SignatureDoesNotMatch'), 'check secretKey'],
  [403, s3('InvalidAccessKeyId'), 'check accessKeyId'],
  [403, s3('RequestTimeTooSkewed'), 'the clock of this machine is off'],
  [400, s3('AuthorizationHeaderMalformed'), 'the bucket is in another region'],
  [301, s3('PermanentRedirect'), 'the bucket is in another region'],
  [404, s3('NoSuchBucket'), 'check the name of the bucket'],
  [404, s3('NoSuchKey'), 'check the path'],
  [404, s3('NoSuchVersion'), 'HTTP 404 (NoSuchVersion: No): https://h/b/k: nothing exists at this address'],
  [404, '{"message":"404 Project Not Found"}', 'HTTP 404 (404 Project Not Found)'],
  [401, '{"errors":[{"status":401,"message":"Bad credentials"}]}', 'HTTP 401 (Bad credentials)'],
  [401, '{"error":"invalid_token","error_description":"Token was revoked"}', 'HTTP 401 (Token was revoked)'],
  [401, '{"error":{"message":"no\\u001b[31m"}}', 'HTTP 401 (no [31m)'],
  [403, '<html><body>Forbidden</body></html>', 'HTTP 403: https://h/b/k: the server requires credentials'],
  [403, s3('InvalidObjectState'), 'restore it first'],
  [403, s3('AllAccessDisabled'), 'the server did not send the file'],
  [403, '{"title":"Forbidden","detail":"quota used up"}', '(quota used up): https://h/b/k: the server refuses access'],
  [403, '{"message":', 'HTTP 403: https://h/b/k'],
  [403, '', 'HTTP 403: https://h/b/k'],
])('%d %s', (status, body, says) => {
  expect(lineOf(status, body)).toContain(says);
});

it('credentials that were given are blamed, not missed', () => {
  expect(lineOf(401, '', { credentials: 'document' })).toContain('the server does not accept the credentials');
  expect(lineOf(401, '', { credentials: 'url' })).toContain('the user and the password in the URL');
});

it('credentials that were not sent on to another server are told', () => {
  expect(lineOf(401, '', { redirectedFrom: 'https://a/x' })).toContain(
    'the credentials are for https://a/x, which redirects',
  );
});

it('names the proxy', () => {
  expect(lineOf(502, '', { proxy: 'the proxy p' })).toContain('the request went through the proxy p');
});

it.each<[what: string, status: number, body: string, says: string]>([
  ['GitHub', 404, '{"message":"Not Found","documentation_url":"https://d","status":"404"}', 'HTTP 404 (Not Found): '],
  ['raw GitHub', 404, '404: Not Found', 'HTTP 404 (404: Not Found): '],
  ['Nexus', 400, '[ {"id":"FIELD name","message":"bad name"} ]', '(bad name)'],
  [
    'Nexus, a page',
    404,
    '<!DOCTYPE html>\n<html><head><title>404 - Nexus &amp; Co</title></head>',
    '(404 - Nexus & Co)',
  ],
  [
    'Docker',
    401,
    '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
    '(UNAUTHORIZED: authentication',
  ],
  [
    'Google',
    403,
    "<?xml version='1.0' encoding='UTF-8'?><Error><Code>AccessDenied</Code><Message>Access denied.</Message><Details>Anonymous caller</Details></Error>",
    '(AccessDenied: Access denied. Anonymous caller)',
  ],
  [
    'Google, JSON',
    403,
    '{"error":{"code":403,"message":"No access","errors":[{"message":"x"}]}}',
    'HTTP 403 (No access)',
  ],
  ['Google, text', 404, 'No such object: b/o', '(No such object: b/o)'],
  [
    'Azure',
    403,
    '\ufeff<?xml version="1.0"?><Error><Code>AuthenticationFailed</Code><Message>Server failed.\nRequestId:1</Message><AuthenticationErrorDetail>Expiry [2020]</AuthenticationErrorDetail></Error>',
    '(AuthenticationFailed: Server failed. RequestId:1 Expiry [2020])',
  ],
  ['Azure, JSON', 404, '{"error":{"code":"BlobNotFound","message":"The blob"}}', '(BlobNotFound: The blob)'],
  [
    'Swift',
    401,
    '<html><h1>Unauthorized</h1><p>This server could not verify</p></html>',
    '(Unauthorized: This server could',
  ],
  ['Swift, a signed URL', 401, '401 Unauthorized: Temp URL invalid\n', '(401 Unauthorized: Temp URL invalid)'],
  ['RGW', 404, '<?xml version="1.0"?><Error><Code>NoSuchKey</Code><BucketName>b</BucketName></Error>', '(NoSuchKey): '],
  [
    'RGW as Swift',
    403,
    '{"Code":"AccessDenied","RequestId":"tx"}',
    '(AccessDenied): https://h/b/k: the credentials may not',
  ],
  ['RGW as Swift, text', 403, 'AccessDenied', '(AccessDenied): https://h/b/k: the credentials may not'],
  ['Nova', 404, '{"itemNotFound":{"message":"no such","code":404}}', '(no such)'],
  ['a problem of RFC 9457', 403, '{"type":"about:blank","title":"T","detail":"You may not"}', '(You may not)'],
  ['texts in a list', 401, '{"errors":["log in first"]}', '(log in first)'],
  [
    'a namespace',
    403,
    '<d:error xmlns:d="DAV:" xmlns:s="s"><s:exception>E</s:exception><s:message>You &lt;may&gt; &#110;&#x6F;t &valueOf;</s:message></d:error>',
    '(You <may> not &valueOf;)',
  ],
  [
    'an envelope',
    400,
    '<ErrorResponse xmlns="x"><Error><Code>Bad</Code><Message><![CDATA[a <b>]]></Message>',
    '(Bad: a <b>)',
  ],
  ['XML that is cut', 403, '<Error><Code>AccessDenied</Code><Message>Access De', '(AccessDenied: Access De)'],
  ['JSON that is cut', 403, '{"errors":[{"status":403,"message":"not \\"yours\\", w', '(not "yours", w)'],
  ['JSON that is cut in an escape', 403, '{"message":"a\\u00', '(a)'],
  [
    'where the bucket is',
    301,
    '<Error><Code>PermanentRedirect</Code><Endpoint>b.s3.eu-west-1.amazonaws.com</Endpoint></Error>',
    'names the region: b.s3.eu-west-1.amazonaws.com',
  ],
  [
    'a region',
    400,
    '<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>',
    'names the region: eu-west-1',
  ],
  ['no text', 403, '\u001f\ufffd\0', 'HTTP 403: '],
  ['a long one', 500, 'x'.repeat(9000), `(${'x'.repeat(300)}...)`],
  ['a name of every object', 500, 'constructor', '(constructor): https://h/b/k: the server did not'],
  ['no object', 500, '{"a":[[[[[[["x"]]]]]],null,1]}', 'HTTP 500: '],
])('%s', (_, status, body, says) => {
  expect(lineOf(status, body)).toContain(says);
});

it.each([403, 401])('a signed URL is blamed for %d, not missing credentials', (status) => {
  for (const parameter of ['X-Amz-Signature', 'X-Goog-Signature', 'Signature', 'sig', 'temp_url_sig'])
    for (const body of ['', s3('SignatureDoesNotMatch'), s3('AccessDenied', 'Request has expired')])
      expect(lineOf(status, body, { url: `https://h/k?${parameter}=s3cret` })).toMatch(
        /has expired: create a new URL$/,
      );
  expect(lineOf(403, s3('RequestTimeTooSkewed'), { url: 'https://h/k?sig=s' })).toContain('clock');
});

it('says where an answer leads that is no redirect', () => {
  expect(lineOf(300, '', { location: '/c?sig=s3cret' })).toMatch(/; it redirects to https:\/\/h\/c$/);
});

it.each([
  ['gzip', gzipSync('{"message":"no"}'), '{"message":"no"}'],
  ['deflate', deflateSync('no'), 'no'],
  ['br', brotliCompressSync('no'), 'no'],
  ['identity', Buffer.from('no'), 'no'],
  [undefined, Buffer.from('no'), 'no'],
  ['zstd', Buffer.from('no'), ''],
  ['gzip', Buffer.from('no'), ''],
])('%s is unpacked', (encoding, said, text) => {
  expect(textOfAnswer(said, encoding)).toBe(text);
});

it('what is cut is unpacked as far as it goes, and a bomb is not', () => {
  const page = JSON.stringify({ message: 'no', more: Array.from({ length: 2000 }, (_, index) => index * 7919) });
  expect(textOfAnswer(gzipSync(page).subarray(0, 2000), 'gzip')).toMatch(/^\{"message":"no","more":\[/);
  expect(textOfAnswer(gzipSync(Buffer.alloc(10_000_000)), 'gzip')).toBe('');
});

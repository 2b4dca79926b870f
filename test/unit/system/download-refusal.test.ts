import { expect, it } from 'vitest';
import { refusedDownload } from '../../../src/system/download-refusal.ts';

const lineOf = (status: number, body: string, hadCredentials = false, proxy?: string): string =>
  refusedDownload({ url: 'https://h/b/k?X-Amz-Signature=s', status, body, proxy, hadCredentials }).line;
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
  [404, s3('NoSuchVersion'), 'HTTP 404 (NoSuchVersion: No): https://h/b/k: there is nothing at this address'],
  [404, '{"message":"404 Project Not Found"}', 'HTTP 404 (404 Project Not Found)'],
  [401, '{"errors":[{"status":401,"message":"Bad credentials"}]}', 'HTTP 401 (Bad credentials)'],
  [401, '{"error":"invalid_token","error_description":"Token was revoked"}', 'HTTP 401 (Token was revoked)'],
  [401, '{"error":{"message":"no\\u001b[31m"}}', 'HTTP 401 (no [31m)'],
  [403, '<html><body>Forbidden</body></html>', 'HTTP 403: https://h/b/k: the server wants credentials'],
  [403, '{"message":', 'HTTP 403: https://h/b/k'],
  [403, '', 'HTTP 403: https://h/b/k'],
])('%d %s', (status, body, says) => {
  expect(lineOf(status, body)).toContain(says);
});

it('credentials that were given are blamed, not missed', () => {
  expect(lineOf(401, '', true)).toContain('the server does not accept the credentials');
});

it('names the proxy', () => {
  expect(lineOf(502, '', false, 'the proxy p')).toContain('it was asked through the proxy p');
});

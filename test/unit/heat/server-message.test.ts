import { expect, it } from 'vitest';
import { messageOf, redirectHint } from '../../../src/heat/server-message.ts';

it.each<[body: string, message: string | undefined]>([
  ['<ErrorResponse><Error><Message>no\n such</Message></Error></ErrorResponse>', 'no such'],
  ['{"error": {"message": "of keystone", "code": 401}}', 'of keystone'],
  ['{"explanation": "e", "title": "t", "error": {"message": "of heat"}}', 'of heat'],
  ['{"ErrorResponse": {"Error": {"Code": "c", "Message": "of the query API"}}}', 'of the query API'],
  ['{"title": "t", "description": "d"}', 't'],
  ['{"error": {"message": "a \\"quoted\\" word, \\u001b[31mred\\u0007"}}', 'a "quoted" word, [31mred'],
  [`{"message": "${'x'.repeat(301)}"}`, `${'x'.repeat(300)}...`],
  ['<html><body>message</body></html>', undefined],
  ['{"error": {"message": " "}}', undefined],
  ['{"error": 1}', undefined],
  ['[]', undefined],
  ['{', undefined],
  ['', undefined],
])('%s', (body, message) => {
  expect(messageOf(body)).toBe(message);
});

it.each([
  ['https://me:pw@portal/login?token=s3cret', 'a redirect is not followed (to https://portal/login)'],
  ['/v1/', 'a redirect is not followed (to /v1/)'],
  [undefined, 'a redirect is not followed'],
])('a redirect to %s', (location, hint) => {
  expect(redirectHint({ headers: { location } })).toBe(hint);
});

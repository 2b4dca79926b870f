import { describe, expect, it } from 'vitest';
import { beginBudget } from '../../../src/heat/retries.ts';
import { decodeRoleCredentials, retriedRoleCredentials, roleCredentials } from '../../../src/metadata/instance-role.ts';
import { fakeGuest, type Reply } from './fake-system.ts';

const ROLES = '/latest/meta-data/iam/security-credentials/';
const answer = {
  Code: 'Success',
  Type: 'AWS-HMAC',
  AccessKeyId: 'ASIA4711',
  SecretAccessKey: 's3cr&t/#*',
  Token: 'session==',
  Expiration: '2026-01-01T06:00:00Z',
};
const credentials = { accessKey: 'ASIA4711', secretKey: 's3cr&t/#*', sessionToken: 'session==' };

describe('decodeRoleCredentials', () => {
  it.each<[answer: unknown, expected: object | string]>([
    [answer, credentials],
    [{ ...answer, Code: undefined }, credentials],
    [
      { ...answer, Token: undefined },
      { ...credentials, sessionToken: undefined },
    ],
    [
      { ...answer, Token: '' },
      { ...credentials, sessionToken: undefined },
    ],
    [{ ...answer, Code: 'AssumeRoleUnauthorizedAccess' }, 'it says "AssumeRoleUnauthorizedAccess"'],
    [{ ...answer, SecretAccessKey: '' }, 'its answer has no AccessKeyId and SecretAccessKey'],
    [{ ...answer, AccessKeyId: 7 }, 'its answer has no AccessKeyId and SecretAccessKey'],
    [[], 'its answer is not a JSON object'],
    ['<html>', 'its answer is not a JSON object'],
  ])('%j', (given, expected) => {
    expect(decodeRoleCredentials(typeof given === 'string' ? given : JSON.stringify(given))).toEqual(expected);
  });
});

describe('roleCredentials', () => {
  it.each<[what: string, replies: Record<string, Reply>, asked: string[]]>([
    [
      'with a token',
      { 'PUT /latest/api/token': 'T0ken==', [`${ROLES}web%20role`]: JSON.stringify(answer) },
      ['PUT /latest/api/token', `GET ${ROLES}web%20role T0ken==`],
    ],
    [
      'without',
      { [`${ROLES}web%20role`]: JSON.stringify(answer) },
      ['PUT /latest/api/token', `GET ${ROLES}web%20role`],
    ],
    [
      'when the token is too many hops away',
      { 'PUT /latest/api/token': 'no answer', [`${ROLES}web%20role`]: JSON.stringify(answer) },
      ['PUT /latest/api/token', `GET ${ROLES}web%20role`],
    ],
    [
      'when the token is a page of HTML',
      { 'PUT /latest/api/token': '<html> </html>', [`${ROLES}web%20role`]: JSON.stringify(answer) },
      ['PUT /latest/api/token', `GET ${ROLES}web%20role`],
    ],
  ])('%s', async (_, replies, asked) => {
    const guest = fakeGuest(replies);
    expect(await roleCredentials(guest.system, 'web role')).toEqual(credentials);
    expect(guest.asked).toEqual(asked);
  });

  it.each<[what: string, role: string, replies: Record<string, Reply>, says: RegExp]>([
    ['no service', 'web', { [`${ROLES}web`]: 'no answer' }, /^the metadata service does not answer: http:\/\/169/],
    ['no roles, as on Nova', 'web', {}, /^.*no such role: the role "web": this instance has no role; attach one/],
    [
      'another role',
      'web',
      { [ROLES]: 'db\nother-role\n' },
      /no such role: the role "web": available: db, other-role$/,
    ],
    [
      'a page for the list',
      'web',
      { [ROLES]: '<html>\n</html>' },
      /no such role: the role "web": this instance has no/,
    ],
    ['a page for the role', 'web', { [`${ROLES}web`]: '<html>' }, /^no credentials .*"web": its answer is not a JSON/],
    ['a refusal', 'web', { [`${ROLES}web`]: 401 }, /HTTP 401: the role "web"$/],
    ['no name', '', {}, /^a role without a name/],
  ])('%s', async (_, role, replies, says) => {
    const guest = fakeGuest(replies);
    await expect(roleCredentials(guest.system, role)).rejects.toThrow(
      expect.objectContaining({ line: expect.stringMatching(says) }),
    );
    expect(guest.passed()).toBeLessThanOrEqual(6000);
  });
});

describe('retriedRoleCredentials', () => {
  const ask = async (replies: readonly Reply[], seconds: number | undefined) => {
    const guest = fakeGuest({ [`${ROLES}web`]: replies });
    const bounds = { attempts: Number.POSITIVE_INFINITY, longestDelay: Number.POSITIVE_INFINITY };
    const budget = beginBudget(seconds, guest.system.clock, async () => bounds);
    const outcome = await retriedRoleCredentials(guest.system, guest.log, 'web', budget).catch(
      (error: unknown) => error,
    );
    return { guest, outcome };
  };

  it('asks a service that comes up late until it answers', async () => {
    const { outcome, guest } = await ask(
      [...new Array<Reply>(12).fill('no answer'), JSON.stringify(answer)],
      undefined,
    );
    expect(outcome).toEqual(credentials);
    expect(guest.said[0]).toMatch(
      /^WARNING the metadata service does not answer: .*: trying again in .* s, for 10 min/,
    );
  });

  it.each([1, 20])('--timeout %d: gives up then, with exit code 75', async (seconds) => {
    const { outcome, guest } = await ask(['no answer'], seconds);
    expect(outcome).toMatchObject({
      message: `no credentials for the role "web" within ${seconds} s`,
      exitCode: 75,
      hint: expect.stringContaining('the metadata service does not answer'),
    });
    expect(guest.passed()).toBe(seconds * 1000);
  });

  it('a role that is not there is final', async () => {
    const { outcome, guest } = await ask([404], 20);
    expect(outcome).toMatchObject({ exitCode: 1 });
    expect(guest.passed()).toBe(0);
  });
});

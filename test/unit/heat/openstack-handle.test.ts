import { describe, expect, it } from 'vitest';
import { tokenHandle } from '../../../src/heat/openstack-handle.ts';

const url = 'http://heat:8004/v1/p/stacks/s/1/resources/h/signal';

describe('tokenHandle', () => {
  const target = tokenHandle(url, 'gAAAA-token_==');

  it('posts the keys of the native handle with its token', () => {
    expect(
      target.request({ Status: 'SUCCESS', Reason: 'Configuration Complete', UniqueId: 'i-1', Data: 'x "y"' }, 1000),
    ).toStrictEqual({
      method: 'POST',
      url,
      headers: { 'X-Auth-Token': 'gAAAA-token_==', 'Content-Type': 'application/json', Accept: 'application/json' },
      body: '{"status":"SUCCESS","reason":"Configuration Complete","data":"x \\"y\\"","id":"i-1"}',
    });
  });

  it('has no other way to signal', () => {
    expect(target.alternative?.({ status: 500, headers: {}, body: 'Metadata format invalid' })).toBeUndefined();
  });

  it.each<[status: number, says: RegExp]>([
    [302, /redirect/],
    [400, /not accept/],
    [401, /token.*expired/],
    [403, /another stack.*deleted.*no --token/],
    [404, /no such handle/],
    [405, /"endpoint"/],
    [429, /overloaded/],
    [503, /heat-api.*is failing/],
  ])('a refusal with HTTP %d says what next', (status, says) => {
    const { line } = target.refusal({ status, headers: {}, body: '{"error": {"message": "why not"}}' });
    expect(line).toMatch(says);
    expect(line).toContain(`HTTP ${status} (why not): http://heat:8004: `);
  });
});

it.each(['', ' ', 'two words', 'line\nbreak', 'nul\0', 'Grüße', '$TOKEN', '{get_attr: [h, token]}'])(
  'no token: %j',
  (token) => {
    expect(() => tokenHandle(url, token)).toThrow(expect.objectContaining({ exitCode: 2, message: 'not a token' }));
  },
);

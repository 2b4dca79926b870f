import { describe, expect, it } from 'vitest';
import { carriesSecrets, isSecretVariable } from '../../../src/secrets/names.ts';

describe('the value of an environment variable', () => {
  it.each<[name: string, value: string]>([
    ['OS_PASSWORD', 'letmein'],
    ['DB_PASS', 'letmein'],
    ['MYSQL_PWD', 'letmein'],
    ['API_TOKEN', 'abcdef'],
    ['ADMIN_KEY', 'abcdef'],
    ['AUTH_SALT', '/abcdef'],
    ['ANYTHING', 'x9y8z7w6'],
    ['ANYTHING', '5ecre7-of-env'],
    ['ANYTHING', 'pa$$word!'],
    ['ANYTHING', 'a phrase of 5 words'],
    ['DATABASE', 'postgres://joe:x9y8@h/d'],
  ])('%s=%s is a secret', (name, value) => {
    expect(isSecretVariable(name, value)).toBe(true);
  });

  it.each<[name: string, value: string]>([
    ['A', '1'],
    ['A', 'true'],
    ['A', '/usr/bin'],
    ['A', '/usr/local/sbin:/usr/local/bin:/usr/bin'],
    ['A', '~/some/place'],
    ['A', 'en_US.UTF-8'],
    ['A', 'noninteractive'],
    ['A', 'PRODUCTION'],
    ['A', '2026-11-29'],
    ['A', '10.0.0.1:8080'],
    ['A', 'v1.22.3-alpine'],
    ['A', 'us-east-1'],
    ['A', 'db.example.org:5432'],
    ['A', 'https://example.org/a/b'],
    ['A', 'a few words'],
    ['HOSTNAME', 'web-0123456789'],
    ['DB_USER', 'wordpress7'],
    ['BUILD_ID', 'x9y8z7w6'],
    ['LC_ALL', 'de_DE.ISO-8859-1'],
    ['PWD', '/srv/x9y8z7w6'],
    ['USE_PASSWORD', 'required'],
    ['PASSWORD_FILE', '/run/secrets/db1'],
    ['SSH_PRIVATE_KEY', '/root/.ssh/id_rsa'],
    ['TOKEN', 'abc'],
  ])('%s=%s is none', (name, value) => {
    expect(isSecretVariable(name, value)).toBe(false);
  });
});

describe('an address that lets who has it in', () => {
  it.each([
    ['https://h/a', false],
    ['https://h/a@b?c=d', false],
    ['git+ssh://git@h/a', false],
    ['/srv/a', false],
    ['https://joe:x@h/a', true],
    ['https://x@h/a', true],
    ['git+https://x@h/a', true],
    ['https://h/a?sig=x', true],
  ])('%s: %s', (url, isSecret) => {
    expect(carriesSecrets(url)).toBe(isSecret);
  });
});

import { describe, expect, it } from 'vitest';
import { redactForms } from '../../../src/secrets/forms.ts';
import {
  carriesSecrets,
  isSecretName,
  isSecretVariable,
  mayNameSecrets,
  SECRET_WORD,
} from '../../../src/secrets/names.ts';

describe('the value of an environment variable', () => {
  it.each<[name: string, value: string]>([
    ['OS_PASSWORD', 'letmein'],
    ['DB_PASS', 'letmein'],
    ['MYSQL_PWD', 'letmein'],
    ['API_TOKEN', 'abcdef'],
    ['ADMIN_KEY', 'abcdef'],
    ['AUTH_SALT', 'abcdef'],
    ['SECRET_KEY', '/K7MDENGbPxRfiCYEXAMPLEKEYwJalrXUtnFEMI/'],
    ['CRYPT_PASSWORD', '$6$Zq7kP9xW$abcdef'],
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
    ['S3KeyName', 'releases/app-1.2.3.tar.gz'],
    ['S3KeyName', 'x9y8z7w6'],
    ['BUCKET_KEYPREFIX', 'x9y8z7w6/'],
    ['A', 'web01-b'],
    ['DB_PASSWORD', '$OTHER_PASSWORD'],
    ['DB_PASSWORD', '${OTHER:-x9y8z7}'],
    ['DB_PASSWORD', '{{db_password}}'],
    ['DB_PASSWORD', '/x9y8z7/w6'],
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

/** All words that a pattern of words stands for: of each class, and of what may be repeated, one. */
function wordsOf(pattern: string): string[] {
  const plain = pattern
    .replace(/\(\?(?:<!|=|!)(?:\[[^\]]*\]\??|[^()[\]])*\)/g, '')
    .replaceAll('(?<=', '(?:')
    .replaceAll('\\w+', 'x')
    .replace(/\[[_.-]+\]/g, '_');
  let at = 0;
  const either = (): string[] => {
    let found = sequence();
    while (plain[at] === '|') {
      at++;
      found = [...found, ...sequence()];
    }
    return found;
  };
  const sequence = (): string[] => {
    let found = [''];
    while (at < plain.length && plain[at] !== '|' && plain[at] !== ')') {
      let part = [plain[at] as string];
      if (plain.startsWith('(?:', at)) {
        at += 3;
        part = either();
      }
      at++;
      if (plain[at] === '?') {
        at++;
        part = ['', ...part];
      }
      found = found.flatMap((front) => part.map((back) => front + back));
    }
    return found;
  };
  return either();
}

describe('a first look passes no secret by', () => {
  const words = wordsOf(SECRET_WORD);

  it('for any word', () => {
    expect(words.length).toBeGreaterThan(100);
    expect(words.filter((word) => /[^a-z_]/.test(word))).toEqual([]);
    expect(words.filter((word) => !mayNameSecrets(word) || !isSecretName(word))).toEqual([]);
    expect(words.filter((word) => redactForms(`${word}=x9y8z7`) !== `${word}=[redacted]`)).toEqual([]);
    const upper = words.map((word) => word.toUpperCase());
    expect(upper.filter((word) => redactForms(`${word}=x9y8z7`) !== `${word}=[redacted]`)).toEqual([]);
  });

  it.each([
    ...[
      'Authorization: ',
      'proxy-authorization: ',
      'x-auth-token: ',
      'X-Api-Key: ',
      'x-apikey: ',
      'Cookie: ',
      'cookie2: ',
    ],
    ...['set-cookie: ', 'bearer ', 'Bearer '],
    ...['passphrase', 'passwd', 'password', 'secret', 'token', 'pwd', 'credential', 'credentials'].map(
      (name) => `--${name} `,
    ),
    ...['api', 'access', 'secret', 'auth', 'private', 'account'].map((name) => `--${name}-key `),
    ...['store', 'key', 'user', 'db', 'admin', 'root', ''].map((name) => `--${name}pass `),
    ...[
      '-storepass ',
      '-keypass ',
      'identified by "',
      'password("',
      'password "',
      'sshpass -p ',
      'openssl x -in pass:',
    ],
  ])('for %s', (front) => {
    expect(redactForms(`${front}x9y8z7w6"`)).toContain(`${front}[redacted]`);
  });
});

import { describe, expect, it } from 'vitest';
import { Redactor } from '../../src/redact.ts';

function redacted(text: string, ...secrets: string[]): string {
  const redactor = new Redactor();
  for (const secret of secrets) redactor.addSecret(secret);
  return redactor.redact(text);
}

describe('what is recognised by its form', () => {
  it.each<[text: string, clean: string]>([
    [
      'PUT http://h:8000/v1/w/x?Timestamp=1&Signature=a%2Fb%3D&z=1 failed',
      'PUT http://h:8000/v1/w/x?[redacted] failed',
    ],
    ['https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Signature=00ff', 'https://b.s3.amazonaws.com/k?[redacted]'],
    ['https://b.s3.amazonaws.com/k?AWSAccessKeyId=AKIA1&Expires=1', 'https://b.s3.amazonaws.com/k?[redacted]'],
    ['"https://h/t?temp_url_sig=1&token=abc", more', '"https://h/t?[redacted]", more'],
    ['<a href="http://h/?SIGNATURE=x">', '<a href="http://h/?[redacted]">'],
    ['two: http://a/?signature=1 http://b/?Signature=2', 'two: http://a/?[redacted] http://b/?[redacted]'],
    ['http://user:pass@h/x', 'http://[redacted]@h/x'],
    ['proxy https://tok3n@p:3128', 'proxy https://[redacted]@p:3128'],
    ['Authorization: AWS4-HMAC-SHA256 Credential=AK/1, Signature=00', 'Authorization: [redacted]'],
    ['proxy-authorization: Basic Zm9vOmJhcg==\nHost: h', 'proxy-authorization: [redacted]\nHost: h'],
    ['X-Auth-Token: gAAAAAB', 'X-Auth-Token: [redacted]'],
    ['last: X-Auth-Token: [redacted]: see /log', 'last: X-Auth-Token: [redacted]: see /log'],
    ['Cookie: [redacted]; b=2', 'Cookie: [redacted]'],
    ['secret_key = x', 'secret_key = [redacted]'],
    ['secret-key=abc', 'secret-key=[redacted]'],
    ['AWSSecretKey=abc/def+ghi', 'AWSSecretKey=[redacted]'],
    ['AWS_SECRET_ACCESS_KEY=abc', 'AWS_SECRET_ACCESS_KEY=[redacted]'],
    ['{"SecretAccessKey": "abc", "Region": "r"}', '{"SecretAccessKey": "[redacted]", "Region": "r"}'],
    ['db_password: letmein', 'db_password: [redacted]'],
    ['password = "a b, c" next', 'password = "[redacted]" next'],
    ['{"password":"a\\"b"}', '{"password":"[redacted]"}'],
  ])('%s', (text, clean) => {
    expect(redacted(text)).toBe(clean);
  });

  it.each([
    'http://h/x?a=1&b=2',
    'http://h:8000/v1/',
    'mail root@localhost',
    'the password is wrong',
    'no secret here',
    'commands  changed    01_install  (exit 0)',
    '',
  ])('leaves %j alone', (text) => {
    expect(redacted(text)).toBe(text);
  });
});

describe('signed queries', () => {
  it.each([
    'temp_url_sig=5ecre7&temp_url_expires=1700000000',
    'temp_url_expires=1700000000&temp_url_prefix=a/&temp_url_sig=5ecre7',
    'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Security-Token=5ecre7',
    'x-amz-credential=5ecre7',
    'X%2DAmz%2DSignature=5ecre7',
    'AWSAccessKeyId=AKIA&Expires=1&Signature=5ecre7',
    'GoogleAccessId=a%40b&X-Goog-Signature=5ecre7',
    'sv=2020-08-04&se=2030-01-01&sr=b&sp=r&sig=5ecre7%3D',
    'Expires=1&Policy=5ecre7&Key-Pair-Id=K2',
    'OSSAccessKeyId=5ecre7',
    'x-oss-signature=5ecre7',
    'api_key=5ecre7',
    'apikey=5ecre7',
    'key=5ecre7',
    'access_token=5ecre7',
    'private_token=5ecre7',
    'X-Auth-Token=5ecre7',
    'jwt=5ecre7',
    'md5=5ecre7&expires=1',
    'a=1&amp;token=5ecre7',
    'to=http%3A%2F%2Fh%2F%3Fa%3D1%26Signature%3D5ecre7',
    'nobody-knows-this=5ecre75ecre75ecre75ecre7Ab',
  ])('%s', (query) => {
    expect(redacted(`GET https://h:8080/a/b?${query} failed`)).toBe('GET https://h:8080/a/b?[redacted] failed');
    expect(redacted(`GET /a/b?${query} HTTP/1.1`)).toBe('GET /a/b?[redacted] HTTP/1.1');
    expect(redacted(`{"url": "s3://a/b?${query}"}`)).toBe('{"url": "s3://a/b?[redacted]"}');
  });

  it('in a fragment', () => {
    expect(redacted('https://h/cb#access_token=5ecre7&state=1')).toBe('https://h/cb#[redacted]');
  });

  it.each([
    'http://h/x?page=2&sort=name',
    'http://h/?q=',
    'http://h/?q=token',
    'http://h/?to=http%3A%2F%2Fh%2F%3Fa%3D1',
    'what? a=b',
    'x # a = b',
  ])('leaves %s', (text) => {
    expect(redacted(text)).toBe(text);
  });
});

describe('user and password in a URL', () => {
  it.each<[text: string, clean: string]>([
    ['HTTP://USER:5ECRE7@HOST/x', 'HTTP://[redacted]@HOST/x'],
    ['https://5ecre7@github.com/a/b.git', 'https://[redacted]@github.com/a/b.git'],
    ['git+https://u:5ecre7@h.example/a/b@v1.0', 'git+https://[redacted]@h.example/a/b@v1.0'],
    ['socks5://u:5ecre7@p:1080', 'socks5://[redacted]@p:1080'],
    ['ftp://u:5ecre7@h/f', 'ftp://[redacted]@h/f'],
    ['ssh://u:5ecre7@h/f', 'ssh://[redacted]@h/f'],
    ['amqp://u:5ecre7@[::1]:5672/%2F', 'amqp://[redacted]@[::1]:5672/%2F'],
    ['"http://u:5e"cre7@h/x"', '"http://[redacted]@h/x"'],
    ["'http://u:5e\"cre7@h/x'", "'http://[redacted]@h/x'"],
    ["http://u:5e'cre7@h/x", 'http://[redacted]@h/x'],
    ['http://u:5e cre7@h.example/x', 'http://[redacted]@h.example/x'],
    ['http://u:5e/cre7@h/x', 'http://[redacted]@h/x'],
    ['http://u:5e@cre7@h/x', 'http://[redacted]@h/x'],
    ['http://u:5e@cr/e7@h.example/x', 'http://[redacted]@h.example/x'],
    ['http://u:5e#cre7@h/x', 'http://[redacted]@h/x'],
    ['http://u:5e?cre7@h/x', 'http://[redacted]@h/x'],
    ['http://u:5e%40cre7@h/x', 'http://[redacted]@h/x'],
    ['http:///d:5ecre7@127.0.0.1:1/x', 'http:///[redacted]@127.0.0.1:1/x'],
    ['http:////d:5ecre7@h', 'http:////[redacted]@h'],
    ['get https:///5ecre7@host', 'get https:///[redacted]@host'],
    ['proxy u:5ecre7@p:3128', 'proxy u:[redacted]@p:3128'],
    ['http_proxy=u:5e/cre7@p:3128', 'http_proxy=u:[redacted]@p:3128'],
    ['proxy u:5e@cre7@p:3128, says apt', 'proxy u:[redacted]@p:3128, says apt'],
    ['cannot reach u:5ecre7@p:3128: refused', 'cannot reach u:[redacted]@p:3128: refused'],
    ['u:hunter@p.example.org:3128', 'u:[redacted]@p.example.org:3128'],
    ['"u:5ecre7@p.example.org"', '"u:[redacted]@p.example.org"'],
    ['is CORP\\u:5ecre7@10.0.0.1.', 'is CORP\\u:[redacted]@10.0.0.1.'],
    ['u:5ecre7@[::1]:3128', 'u:[redacted]@[::1]:3128'],
    ['//u:5ecre7@p:3128/', '//u:[redacted]@p:3128/'],
    ['https_proxy: "u:hunter@p"', 'https_proxy: "u:[redacted]@p"'],
    ['--proxy u:12345@p', '--proxy u:[redacted]@p'],
    ['to=http%3A%2F%2Fu%3A5ecre7%40h%2Fx', 'to=http%3A%2F%2F[redacted]%40h%2Fx'],
    ['["http://a.example","http://u:5ecre7@h"]', '["http://a.example","http://[redacted]@h"]'],
    ['http://a/?to=https://u:5ecre7@h', 'http://a/?to=https://[redacted]@h'],
  ])('%s', (text, clean) => {
    expect(redacted(text)).toBe(clean);
  });

  it.each([
    'see https://registry.npmjs.org/@scope/pkg',
    'http://controller:5000/v3, or write to root@example.org',
    '{"url":"http://h:80","mail":"me@x"}',
    'docker.io/nginx:1.25@sha256:0123456789abcdef',
    'git@github.com:org/repo.git',
    'file:///a@b.whl',
    'http:///a/b@c',
    'app:8080@node1 is down',
    'mailto:me@example.org',
    'alias@npm:foo@1.0',
    'at 12:30@h',
    '"maybe": /AWS::CloudFormation::Init/config/services/systemd/openvpn@server/enabled',
    'must be a string: /AWS::CloudFormation::Init/config/files/~1etc~1a@b.example.org/mode',
    'no group: /AWS::CloudFormation::Init/config/users/jane2@example.org/groups',
    'no proxy: AWS::CloudFormation::Init/config/a@b',
    'cloning git@h.example.org:2/b',
    'foo:bar@1.2.3',
    'foo:bar2@1.2.3-rc.1',
    'sha256:abc@sha',
    '12:34:56 root@host',
    '2030-01-01T12:34:56:root2@host.example.org',
    'registry:5000/a@sha256:0123456789abcdef',
    'registry.example.org:5000/a/b@v2.example.org',
    'host:22@x',
    'host:22@x.example.org',
    'uid:gid@host',
    '1000:1000@host.example.org',
    'from:jane.doe@example.org',
    'unit:getty2@tty1.service',
    'f:g2@script.js:10:5',
    'write it as http://HOST:PORT',
  ])('leaves %s', (text) => {
    expect(redacted(text)).toBe(text);
  });
});

describe('settings', () => {
  it.each<[text: string, clean: string]>([
    ['OS_PASSWORD=5ecre7 next', 'OS_PASSWORD=[redacted] next'],
    ["export DB_PASS='5e cre7'", "export DB_PASS='[redacted]'"],
    ['MYSQL_PWD=5ecre7', 'MYSQL_PWD=[redacted]'],
    ['  admin.password: 5e cre7', '  admin.password: [redacted]'],
    ['- password: "5e cre7"', '- password: "[redacted]"'],
    ['{"token":"5ecre7","user":"joe"}', '{"token":"[redacted]","user":"joe"}'],
    ['{\\"password\\": \\"5ecre7\\", \\"a\\": 1}', '{\\"password\\": \\"[redacted]\\", \\"a\\": 1}'],
    ['{"password": "5ecre7 cut...', '{"password": "[redacted]'],
    ["'password' => '5ecre7',", "'password' => '[redacted]',"],
    ["define('DB_PASSWORD', '5ecre7');", "define('DB_PASSWORD', '[redacted]');"],
    ["$config['secret'] = '5ecre7';", "$config['secret'] = '[redacted]';"],
    ['Server=h;Password=5ecre7;Database=d', 'Server=h;Password=[redacted];Database=d'],
    ['password=5e,cre7;x next', 'password=[redacted] next'],
    ['password=5e"cre7 next', 'password=[redacted] next'],
    ['login failed, password: letmein', 'login failed, password: [redacted]'],
    ['passwd: x1y2z3', 'passwd: [redacted]'],
    ['password: x1y2z3 and more words', 'password: [redacted]'],
    ['password: letmein, user: joe', 'password: [redacted]'],
    ['password: letmein user: joe', 'password: [redacted]'],
    ['secret: 2024-01-02', 'secret: [redacted]'],
    ['token: 5ecre7', 'token: [redacted]'],
    ['client-secret = 5ecre7', 'client-secret = [redacted]'],
    ['api_key: 5ecre7', 'api_key: [redacted]'],
    ['--password 5ecre7 -v', '--password [redacted] -v'],
    ['--password=5ecre7 -v', '--password=[redacted] -v'],
    ["--api-token '5e cre7' -v", "--api-token '[redacted]' -v"],
    ['-storepass 5ecre7', '-storepass [redacted]'],
    ['+ mysql -uroot -p5ecre7 db', '+ mysql -uroot -p[redacted] db'],
    ['mysqladmin -u root password 5ecre7', 'mysqladmin -u root password [redacted]'],
    ['sshpass -p 5ecre7 ssh h', 'sshpass -p [redacted] ssh h'],
    ['curl -sS -u joe:5ecre7 http://h/', 'curl -sS -u joe:[redacted] http://h/'],
    ["GRANT ALL ON x.* TO 'u' IDENTIFIED BY '5ecre7'", "GRANT ALL ON x.* TO 'u' IDENTIFIED BY '[redacted]'"],
    ["ALTER USER u PASSWORD '5ecre7'", "ALTER USER u PASSWORD '[redacted]'"],
    ['<password>5ecre7</password>', '<password>[redacted]</password>'],
    ['<add key="DbPassword" value="5ecre7"/>', '<add key="DbPassword" value="[redacted]"/>'],
    ['Bearer 5ecre7-token', 'Bearer [redacted]'],
    ['Basic dXNlcjo1ZWNyZTc=', 'Basic [redacted]'],
    ['Set-Cookie: sid=5ecre7; path=/', 'Set-Cookie: [redacted]'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3', '[redacted]'],
    ['-----BEGIN PRIVATE KEY-----\nMII5\necre7\n-----END PRIVATE KEY-----\nx', BEGIN_END('PRIVATE KEY', '\nx')],
    ['-----BEGIN RSA PRIVATE KEY----- MII5 -----END RSA PRIVATE KEY-----', BEGIN_END('RSA PRIVATE KEY', '')],
    ['"-----BEGIN EC PRIVATE KEY-----\\nMII5\\n-----END EC PRIVATE KEY-----"', `"${BEGIN_END('EC PRIVATE KEY', '"')}`],
    ['-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb\n', '-----BEGIN OPENSSH PRIVATE KEY-----[redacted]'],
    ['...\nMII5\necre7==\n-----END PRIVATE KEY-----', '...[redacted]-----END PRIVATE KEY-----'],
  ])('%s', (text, clean) => {
    expect(redacted(text)).toBe(clean);
  });

  it.each([
    'Enter password: ',
    'chpasswd: line 1: user X does not exist',
    "passwd: user 'joe' does not exist",
    'passwd: user joe: not known here',
    'passwd: Authentication token manipulation error',
    "passwd: unrecognized option '--stdin'",
    'htpasswd: cannot open file /x',
    'smbpasswd: connection refused',
    'kpasswd: Cannot find KDC for realm',
    "gpasswd: group 'x' does not exist",
    'passwd: password updated successfully',
    'it printed last: chpasswd: line 1: user X does not exist',
    'expired token: 2024-01-02T03:04:05Z',
    'bad token: 0x1F at offset 33',
    'unexpected token: fi',
    'password:\nnext line',
    "Access denied for user 'root'@'localhost' (using password: YES)",
    'unexpected token: end of file',
    'PASS: test_foo',
    'tokens: 12, passed: 3',
    'pip._vendor.token==1.0',
    'PWD=/root/x',
    'use --password or --token',
    'mkdir -p /srv/x && find . -print',
    'Setting up passwd (1:4.13+dfsg1-1) ...',
    'Bearer authentication is required',
    'Basic information about it',
    'secret "my-secret" created',
    'password_file: /etc/x',
    'bypass: on',
  ])('leaves %j', (text) => {
    expect(redacted(text)).toBe(text);
  });
});

function BEGIN_END(kind: string, rest: string): string {
  return `-----BEGIN ${kind}-----[redacted]-----END ${kind}-----${rest}`;
}

describe('known values', () => {
  it.each<[secrets: string[], text: string, clean: string]>([
    [['s3cret-value'], 'a s3cret-value b s3cret-value', 'a [redacted] b [redacted]'],
    [['s3cret'], 'as3cretb', 'a[redacted]b'],
    [['secret1', 'secret12345'], 'secret12345 secret1', '[redacted] [redacted]'],
    [['secret12345', 'secret1'], 'secret12345 secret1', '[redacted] [redacted]'],
    [['a.c*(d[e'], 'abc a.c*(d[e', 'abc [redacted]'],
    [['  padded-secret\n'], 'x padded-secret y', 'x [redacted] y'],
    [['first line\nsecond line'], 'first line\nsecond line!', '[redacted]!'],
    [['yes', 'on', ''], 'yes, it is on', 'yes, it is on'],
    [['pa$$word$&'], 'is pa$$word$& ok', 'is [redacted] ok'],
    [['one-two', 'two-three'], 'one-two-three', '[redacted]'],
    [['a-long-secret-value'], 'it printed last: a-long-sec...', 'it printed last: [redacted]...'],
  ])('%j in %j', (secrets, text, clean) => {
    expect(redacted(text, ...secrets)).toBe(clean);
  });

  it.each<[secret: string, text: string]>([
    ['5e/cr&e7 <ü>', encodeURIComponent('5e/cr&e7 <ü>')],
    ['5e/cr&e7 <ü>', encodeURIComponent('5e/cr&e7 <ü>').toLowerCase()],
    ['5e cr+e7', '5e+cr%2Be7'],
    ['5e%2Fcre7', '5e/cre7'],
    ['5e"cr\\e7', '5e\\"cr\\\\e7'],
    ['5ecre7-ü', '5ecre7-\\u00fc'],
    ['5e/cre7', '5e\\/cre7'],
    ['5e<cr&e7', '5e&lt;cr&amp;e7'],
    [`5e'cr"e7`, '5e&#39;cr&quot;e7'],
    ["5e'cre7", "5e'\\''cre7"],
    ['5ecre7', Buffer.from('5ecre7').toString('base64')],
    ['5ecre7?>-', Buffer.from('5ecre7?>-').toString('base64url')],
  ])('%s as %s', (secret, text) => {
    expect(redacted(`a ${text} b`, secret)).toBe('a [redacted] b');
  });

  it.each(['u:5ecre7-abc', 'ab:5ecre7-abc', 'abc:5ecre7-abc'])('in the base64 of %s', (login) => {
    const clean = redacted(Buffer.from(login).toString('base64'), '5ecre7-abc');
    // Each character of base64 has six bits: of what is left over none can tell more than the last two bits of a byte.
    expect(Buffer.from(clean.split('[redacted]').at(-1) ?? '', 'base64').length).toBe(0);
    expect(clean).toMatch(/^\w{1,6}\[redacted\]\w?=*$/);
  });
});

describe('the content of a private file', () => {
  const redactedAfter = (content: string, text: string): string => {
    const redactor = new Redactor();
    redactor.addPrivateTexts([{ text: content, isExecutable: false }]);
    return redactor.redact(text);
  };

  it.each<[content: string, text: string, clean: string]>([
    ['first line\nsecond line\n', 'tool says: second line', 'tool says: [redacted]'],
    ['first line\r\n  indented value\r\n', 'got indented value', 'got [redacted]'],
    ['-----BEGIN KEY-----\nMIIabcdefgh\n', 'MIIabcdefgh', '[redacted]'],
    ['db_password = s3cret!\n', 'denied for s3cret!', 'denied for [redacted]'],
    ['MYSQL_PWD=letmein\nPWD=/data/x\n', 'letmein in /data/x', '[redacted] in /data/x'],
    ['{"token": "abcdef", "x": 1}', 'bad abcdef', 'bad [redacted]'],
    ['{"db": {"pw": "x9y8z7w6"}}', 'bad x9y8z7w6', 'bad [redacted]'],
    ['{"01_restart-all": {"a": "x9y8z7w6"}}', '01_restart-all x9y8z7w6', '01_restart-all [redacted]'],
    ['licence: ABCD-1234\nmode: fast\n', 'bad ABCD-1234', 'bad [redacted]'],
    ['say "it is 5ecre7"\n', '{"say": "say \\"it is 5ecre7\\""}', '{"say": "[redacted]"}'],
    ['url = https://joe:5ecre7@h/x\n', 'login 5ecre7', 'login [redacted]'],
    ['#!/bin/sh -x\napt-get update -qq\n', '+ apt-get update -qq', '+ apt-get update -qq'],
    [
      '#!/bin/sh\nsystemctl restart nginx.service\n',
      '+ systemctl restart nginx.service',
      '+ systemctl restart nginx.service',
    ],
    ['#!/bin/sh\nmysql -phunter1 wordpress\n', '+ mysql -phunter1 wordpress', '+ mysql -p[redacted] wordpress'],
    ['#!/bin/sh\nmysql -phunter1 wordpress\n', 'got hunter1', 'got [redacted]'],
    ['#!/bin/sh\necho step 3 of 5x\n', '+ echo step 3 of 5x', '+ echo step 3 of 5x'],
    ['#!/bin/sh\nexport DB_PASSWORD=x9y8z7\n', 'got x9y8z7', 'got [redacted]'],
    ['#!/bin/sh\nuseradd -p x9y8z7w6 joe\n', '+ useradd -p x9y8z7w6 joe', '+ useradd -p [redacted] joe'],
    ['machine h login d password x9y8z7w6\n', 'got x9y8z7w6', 'got [redacted]'],
    ['machine h login d password letmein1\n', 'got letmein1', 'got [redacted]'],
    ['requirepass Zq7kP9xW\n', 'got Zq7kP9xW', 'got [redacted]'],
    ['rootpw x9y8z7\n', 'got x9y8z7', 'got [redacted]'],
    ['h:5432:db:joe:Zq7kP9xW\n', 'got Zq7kP9xW', 'got [redacted]'],
    ['joe:$apr1$Zq7kP9xW$abc:x\n', 'got $apr1$Zq7kP9xW$abc', 'got [redacted]'],
    ['joe * Zq7kP9xW *\n', 'got Zq7kP9xW', 'got [redacted]'],
    ['a,b,Zq7kP9xW,c\n', 'got Zq7kP9xW', 'got [redacted]'],
    ['all:\n  - Zq7kP9xW\n', 'got Zq7kP9xW', 'got [redacted]'],
    ['<a><pw>Zq7kP9xW</pw></a>\n', 'got Zq7kP9xW', 'got [redacted]'],
    [
      'install libapache2-mod-php8.2 from web01.example.org, utf8mb4_general_ci, ubuntu-22.04-server\n',
      'libapache2-mod-php8.2 web01.example.org utf8mb4_general_ci ubuntu-22.04-server',
      'libapache2-mod-php8.2 web01.example.org utf8mb4_general_ci ubuntu-22.04-server',
    ],
    ['password required pam_unix.so\n', 'required pam_unix.so', 'required pam_unix.so'],
    ['#!/bin/sh\ndone\nfi\n', 'all done', 'all done'],
    ['server {\nwordpress\n}\n', '/var/www/wordpress', '/var/www/wordpress'],
    [
      'root = /var/www/html\nport = 8080\nmode = production\n',
      'in /var/www/html, production',
      'in /var/www/html, production',
    ],
    ['correcthorse\n', 'is correcthorse', 'is [redacted]'],
    ['', 'nothing', 'nothing'],
  ])('%j in %j', (content, text, clean) => {
    expect(redactedAfter(content, text)).toBe(clean);
  });

  it.each([
    '[main]\nstack=arn:openstack:heat::a1b2:stacks/web-1/0a1b2c3d-1111-2222\nregion=RegionOne\ninterval=10\nrunas=root',
    'triggers=post.update\npath=Resources.web1.Metadata.AWS::CloudFormation::Init\naction=/opt/aws/bin/cfn-init -s x1y2z3',
    'S3KeyName: releases/app-1.2.3.zip\nBUCKET_KEYPREFIX = prod/app-v2/',
    '{\n    "S3KeyName": "backups/db-2024.tar.gz",\n    "port": 8080\n}',
    'listen 8080;\nserver_name web01.example.org;\n# Written by heat, do not edit\n',
    '/etc/app/conf.d/10-x9y8z7.conf\ndb01.example.org\n',
    'password = $DB_PASSWORD\ntoken: {{ api_token }}\nsecret=/run/secrets/db-x9y8z7\n',
    '#!/bin/sh\nsleep 30; echo step 3 of 5x: $HOME/x9y8z7w6\ncurl -fsS https://h.example/x9y8z7w6.tgz -o /tmp/a\n',
  ])('%j holds nothing secret', (content) => {
    expect(redactedAfter(content, content)).toBe(content);
  });

  it.each<[content: string, secret: string]>([
    ['#!/bin/sh\nexport DB_PASSWORD="x9y8z7"\n', 'x9y8z7'],
    ['#!/bin/sh\nmysqladmin --password x9y8z7 ping\n', 'x9y8z7'],
    [
      '#!/bin/sh\ncat >k <<E\n-----BEGIN RSA PRIVATE KEY-----\nMIIEx9y8z7\n-----END RSA PRIVATE KEY-----\nE\n',
      'MIIEx9y8z7',
    ],
    ['#!/bin/sh\nwget https://joe:x9y8z7@h/a\n', 'x9y8z7'],
    ['requirepass 123456789\n', '123456789'],
    ['{"password": 123456789}', '123456789'],
    ['123456789', '123456789'],
    ['password = $6$Zq7kP9xW$abcdef\n', '$6$Zq7kP9xW$abcdef'],
  ])('%j holds %s', (content, secret) => {
    expect(redactedAfter(content, `got ${secret}.`)).not.toContain(secret);
  });

  it('of an executable file ordinary commands are none', () => {
    const redactor = new Redactor();
    redactor.addPrivateTexts([{ text: 'apt-get update -qq\nopen sesame 5ecre7\n', isExecutable: true }]);
    expect(redactor.redact('apt-get update -qq; open sesame 5ecre7')).toBe('apt-get update -qq; [redacted]');
  });

  it('what stands in the open is none, unless it has the name of a secret', () => {
    const redactor = new Redactor();
    const text = 'welcome to build-77x9q of the web\nbuild 77x9q-a1\npassword=z8y7x6w5\n';
    redactor.addPrivateTexts([{ text, isExecutable: false }], ['motd\nwelcome to build-77x9q of the web', 'z8y7x6w5']);
    expect(redactor.redact('welcome to build-77x9q of the web, 77x9q-a1, z8y7x6w5')).toBe(
      'welcome to build-77x9q of the web, [redacted], [redacted]',
    );
  });

  const lines = Array.from({ length: 20 }, (_, index) => `line ${index} has the value ${(index + 7) * 7919}`);

  it.each([76, 64, 10_000])('in base64, in lines of %i', (width) => {
    const base64 = Buffer.from(`${lines.join('\n')}\n`).toString('base64');
    const printed = base64.replace(new RegExp(`.{${width}}`, 'g'), '$&\n');
    expect(
      redactedAfter(`${lines.join('\n')}\n`, printed)
        .replaceAll('[redacted]', '')
        .trim(),
    ).toBe('');
  });

  it('takes no longer for a large one than its size', () => {
    // Where names begin anywhere in a word, this takes a minute; where each line is looked for by itself, so does the other.
    expect(redactedAfter('key'.repeat(300_000), 'x')).toBe('x');
    const many = Array.from({ length: 25_000 }, (_, index) => `setting ${index} of many = value ${index * 7919}`);
    const redactor = new Redactor();
    redactor.addPrivateTexts([{ text: many.join('\n'), isExecutable: false }]);
    for (let index = 0; index < 2000; index++) redactor.redact(`line ${index} of an ordinary log, as tools print it`);
    expect(redactor.redact(`is ${many[12_345]}!`)).toBe('is [redacted]!');
  });

  it('a part of a very long line', () => {
    const line = Array.from({ length: 5000 }, (_, index) => `${index * 7919}`).join(':');
    expect(redactedAfter(line, `...${line.slice(-300)}`)).toBe('...[redacted]');
    expect(redactedAfter(line, `it has ${line.slice(10_001, 10_301)} in it`)).toBe('it has [redacted] in it');
  });
});

describe('takes a time that grows with the text, whatever is in it', () => {
  // Where it grows with the square, each of these takes a minute.
  it.each([
    '\\"',
    '"a":',
    'ab1',
    'pass ',
    'a1b-',
    'x9y8z7w6 ',
    ':///',
    '&',
    '?a=',
    '://',
    'a@',
    'http://u:p ',
    'x-token',
    '-',
    'password',
    'password: ',
    'secret="\\x',
    'key',
    '_',
    'eyJ',
    '\\',
    "'",
  ])('%j', (unit) => {
    const text = unit.repeat(Math.ceil(300_000 / unit.length));
    const redactor = new Redactor();
    redactor.addPrivateTexts([{ text: text, isExecutable: false }]);
    redactor.addDocument({ text });
    new Redactor().redact(text);
    new Redactor().redact(`password=${text}`);
    expect(redactor.redact('x')).toBe('x');
  });
  it.each(['-----BEGIN PRIVATE KEY-----', '-----END PRIVATE KEY-----'])('%s', (unit) => {
    expect(new Redactor().redact(unit.repeat(10_000)).length).toBeLessThan(unit.length * 10_001);
  });
});

describe('what a document calls a secret', () => {
  it.each<[document: unknown, text: string, clean: string]>([
    [{ a: { db_password: 'x9y8z7' } }, 'got x9y8z7', 'got [redacted]'],
    [{ a: [{ ApiToken: 12345678 }] }, 'got 12345678', 'got [redacted]'],
    [{ command: 'mysql --password=x9y8z7 db' }, 'got x9y8z7', 'got [redacted]'],
    [{ content: "define('DB_PASSWORD', 'x9y8z7');" }, 'got x9y8z7', 'got [redacted]'],
    [{ source: 'https://joe:x9y8z7@h/a' }, 'got x9y8z7', 'got [redacted]'],
    [{ source: 'https://joe:x9y8z7@h/a' }, Buffer.from('joe:x9y8z7').toString('base64'), '[redacted]'],
    [{ source: 'https://h/a?temp_url_sig=00ff00ff' }, 'got 00ff00ff', 'got [redacted]'],
    [{ 'https://x9y8z7w6@h/a': [] }, 'got x9y8z7w6', 'got [redacted]'],
    [{ c: { env: { ANY: 'x9y8z7w6' } } }, 'got x9y8z7w6', 'got [redacted]'],
    [{ c: { env: { DB_PASS: 'letmein' } } }, 'got letmein', 'got [redacted]'],
    [{ c: { env: { LANG: 'en_US.UTF-8', A: '1', B: 'true' } } }, 'en_US.UTF-8 1 true', 'en_US.UTF-8 1 true'],
    [{ db_password: 'wordpress' }, '/var/www/wordpress', '/var/www/wordpress'],
    [{ password: '/etc/passwd', secret: 'true' }, '/etc/passwd is true', '/etc/passwd is true'],
    [{ Token: 'us-east-1' }, 'in us-east-1', 'in us-east-1'],
    [{ name: 'x9y8z7' }, 'got x9y8z7', 'got x9y8z7'],
    [{ a: { password: 123456789, retries: 22 } }, 'got 123456789 in 22', 'got [redacted] in 22'],
    [{ password: 22 }, 'at 22:22', 'at 22:22'],
    [
      { password: '$OTHER', token: '{{token}}', secret: '/x9y8z7' },
      '$OTHER {{token}} /x9y8z7',
      '$OTHER {{token}} /x9y8z7',
    ],
    [{ password: 'wordpress1', user: 'wordpress1' }, 'by wordpress1', 'by wordpress1'],
    [{ env: { S3KeyName: 'app-x9y8z7w6', BUCKET_KEYPREFIX: 'x9y8z7w6/' } }, 'app-x9y8z7w6/', 'app-x9y8z7w6/'],
  ])('%j in %j', (document, text, clean) => {
    const redactor = new Redactor();
    redactor.addDocument(document);
    expect(redactor.redact(text)).toBe(clean);
  });

  it('and numbers as they are written', () => {
    const text = '{"password": 12345678901234567890, "token" : 1234567.50}';
    const redactor = new Redactor();
    redactor.addDocument(JSON.parse(text), text);
    expect(redactor.redact('12345678901234567890 1234567.50')).toBe('[redacted] [redacted]');
  });

  it.each([
    ['ST_KEY', 'x9y8z7'],
    ['DB_PW', 'x9y8z7'],
    ['SENTRY_DSN', 'https://x9y8z7w6v5@h.example.org/1'],
    ['OS_APPLICATION_CREDENTIAL_ID', '0a1b2c3d4e5f'],
    ['PROXY_AUTH', 'x9y8z7'],
    ['AUTH_SALT', 'x9y8z7'],
    ['RABBITMQ_COOKIE', 'x9y8z7'],
    ['SERVICE_JWT', 'x9y8z7'],
  ])("and the machine's variable %s", (name, value) => {
    const redactor = new Redactor();
    redactor.addEnvironment({ [name]: value });
    expect(redactor.redact(`got ${value}, done`)).toBe('got [redacted], done');
  });

  it.each([
    ['PWD', '/root/x9y8z7'],
    ['SSH_KEY', '/etc/ssh/x9y8z7'],
    ['KEYMAP', 'de-latin1-x9'],
  ])("but not the machine's variable %s=%s", (name, value) => {
    const redactor = new Redactor();
    redactor.addEnvironment({ [name]: value });
    expect(redactor.redact(`got ${value}, done`)).toBe(`got ${value}, done`);
  });

  it("and the machine's environment", () => {
    const redactor = new Redactor();
    redactor.addEnvironment({
      OS_PASSWORD: 'x9y8z7',
      https_proxy: 'http://joe:p9q8r7@h:1',
      http_proxy: 'u:k3l2m1@h',
      PATH: '/usr/bin',
      USER: 'somebody1',
    });
    expect(redactor.redact('x9y8z7 p9q8r7 k3l2m1 /usr/bin somebody1')).toBe(
      '[redacted] [redacted] [redacted] /usr/bin somebody1',
    );
  });
});

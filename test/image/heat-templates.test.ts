import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { project } from '../support/binary.ts';
import { run } from '../support/process.ts';
import { useImages } from './use-images.ts';

const here = join(project, 'test/image');
const TIMEOUT = 600_000;
/** Metadata of cfn/F17/WordPress_Single_Instance_With_HA.yaml of openstack/heat-templates, which lies beside the project. */
const METADATA = join(
  project,
  '../shared/corpus/cases/openstack+heat-templates__cfn.F17.WordPress_Single_Instance_With_HA.yaml__WikiDatabase.json',
);

/** What stands in the metadata where the template has functions. */
const FUNCTIONS = {
  'ref-WebServerKeys': { Ref: 'WebServerKeys' },
  'attr-WebServerKeys.SecretAccessKey': { 'Fn::GetAtt': ['WebServerKeys', 'SecretAccessKey'] },
  teststack: { Ref: 'AWS::StackName' },
  'us-east-1': { Ref: 'AWS::Region' },
};

/** The same value, with the functions in their places again. */
function withFunctions(value: unknown): unknown {
  if (typeof value === 'string') {
    const isPlain = Object.keys(FUNCTIONS).every((name) => !value.includes(name));
    return isPlain ? value : { 'Fn::Replace': [FUNCTIONS, value] };
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withFunctions);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withFunctions(each)]));
}

/** What the user data of these templates does: cfn-init, the rest of the site by hand, the crontab of cfn-hup, the signal. */
const USER_DATA = `#!/bin/bash
fail() { /opt/aws/bin/cfn-signal -e 1 -r "$1" 'WAIT_HANDLE'; exit 1; }
/opt/aws/bin/cfn-init -s STACK_NAME -r WikiDatabase --access-key ACCESS_KEY --secret-key 'SECRET_KEY' --region REGION ||
  fail 'Failed to run cfn-init'
mysqladmin -u root password rootPassword1 || fail 'no password of the database'
mysql -u root --password=rootPassword1 < /tmp/setup.mysql || fail 'no database'
sed -i -e s/database_name_here/wordpress/ -e s/username_here/admin/ -e s/password_here/admin/ /etc/wordpress/wp-config.php
systemctl restart httpd.service
crontab /tmp/cfn-hup-crontab.txt
/opt/aws/bin/cfn-signal -e 0 -r 'The site is set up' 'WAIT_HANDLE'
`;

const template = (metadata: unknown): unknown => ({
  AWSTemplateFormatVersion: '2010-09-09',
  Resources: {
    CfnUser: { Type: 'AWS::IAM::User' },
    WebServerKeys: { Type: 'AWS::IAM::AccessKey', Properties: { UserName: { Ref: 'CfnUser' } } },
    WaitHandle: { Type: 'AWS::CloudFormation::WaitConditionHandle' },
    WaitCondition: {
      Type: 'AWS::CloudFormation::WaitCondition',
      DependsOn: 'WikiDatabase',
      Properties: { Handle: { Ref: 'WaitHandle' }, Count: '1', Timeout: '600' },
    },
    WikiDatabase: {
      Type: 'AWS::EC2::Instance',
      Metadata: withFunctions(metadata),
      Properties: {
        UserData: {
          'Fn::Base64': {
            'Fn::Replace': [
              {
                STACK_NAME: FUNCTIONS.teststack,
                ACCESS_KEY: FUNCTIONS['ref-WebServerKeys'],
                SECRET_KEY: FUNCTIONS['attr-WebServerKeys.SecretAccessKey'],
                REGION: FUNCTIONS['us-east-1'],
                WAIT_HANDLE: { Ref: 'WaitHandle' },
              },
              USER_DATA,
            ],
          },
        },
      },
    },
  },
});

describe.skipIf(!existsSync(METADATA))('metadata that heat-templates has in cfn/, in a container', () => {
  const images = useImages();

  test(
    'packages of yum, files, services and hooks are there; cfn-hup restarts what died',
    async () => {
      const place = join(images().directory, 'heat-templates');
      const root = join(place, 'root');
      rmSync(root, { recursive: true, force: true });
      mkdirSync(root, { recursive: true });
      const make = `
          image-build/jeos --output "$1" --name rpms --include dnf,rpm --formats tar
          tar -C "$1/root" -xpf "$1/rpms.root.tar" --numeric-owner --exclude='./dev/*'
          rm "$1"/rpms.*
          test/image/heat-templates-repository.sh "$1/root"`;
      const made = await run(['bash', '-euc', make, 'bash', place], { cwd: project, timeout: TIMEOUT });
      if (made.code !== 0) throw new Error(`no image with a repository: ${made.stderr.slice(-2000)}`);
      const file = join(place, 'template.json');
      writeFileSync(file, JSON.stringify(template(JSON.parse(readFileSync(METADATA, 'utf8')))));
      const options = ['--nspawn', '--template', file, '--inspect', join(here, 'heat-templates-inspect.sh')];
      const { ended, checks, logs } = await images().boot(root, options, TIMEOUT);
      rmSync(root, { recursive: true });
      expect({ code: ended.code, checks }).toEqual({
        code: 0,
        checks: { 'signal named after the instance': 'ok', 'cloud-init has come to its end': 'ok', inspection: 'ok' },
      });
      expect(readFileSync(join(logs, 'inspected.log'), 'utf8')).toBe(`cronie 1.4.8
httpd 2.2.23
mysql 5.5.32
mysql-server 5.5.32
wordpress 3.5.2
crond active enabled
httpd active enabled
mysqld active enabled
400 root:root /etc/cfn/cfn-credentials
400 root:root /etc/cfn/cfn-hup.conf
400 root:root /etc/cfn/hooks.conf
700 root:root /etc/cfn/notify-on-httpd-restarted
600 root:root /tmp/cfn-hup-crontab.txt
644 root:root /tmp/setup.mysql
CREATE DATABASE wordpress;
GRANT ALL PRIVILEGES ON wordpress.* TO 'admin'@'localhost'
IDENTIFIED BY 'admin';
FLUSH PRIVILEGES;
EXIT
define('DB_NAME', 'wordpress');
define('DB_USER', 'admin');
define('DB_PASSWORD', 'admin');
* * * * * /opt/aws/bin/cfn-hup -f
cfn-hup: exit code 0, httpd active, starts: 3
`);
    },
    3 * TIMEOUT,
  );
});

import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { project } from '../support/binary.ts';
import { run } from '../support/process.ts';
import { useImages } from './use-images.ts';

const images = useImages();
const TIMEOUT = 300_000;
const here = join(project, 'test/image');

/** The image with a local repository in it, and a template that is given to a real heat for it. */
async function bootWeblog(name: string, spoil: string, more: readonly string[] = []) {
  const root = join(images().directory, name);
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root);
  const make = `
    tar -C "$1" -xpf "$0" --numeric-owner --exclude='./dev/*'
    "$2" "$1"; ${spoil}`;
  const made = await run(
    ['bash', '-euc', make, images().file('root.tar'), root, join(here, 'wordpress-repository.sh')],
    {
      timeout: TIMEOUT,
    },
  );
  if (made.code !== 0) throw new Error(`no repository: ${made.stderr}`);
  const parameters = { KeyName: 'key', DBPassword: 'ofTheWeblog1', DBRootPassword: 'ofTheServer1' };
  const options = Object.entries(parameters).flatMap((parameter) => ['--parameter', parameter.join('=')]);
  const booted = await images().boot(
    root,
    ['--nspawn', '--template', join(here, 'wordpress.yaml'), ...options, ...more],
    TIMEOUT,
  );
  rmSync(root, { recursive: true });
  return booted;
}

describe('a template of WordPress, in a container', () => {
  test(
    'its packages, files and services are there, and its wait condition is met',
    async () => {
      const inspect = ['--inspect', join(here, 'wordpress-inspect.sh')];
      const { ended, checks, logs } = await bootWeblog('weblog', ':', inspect);
      expect({ code: ended.code, checks }).toEqual({
        code: 0,
        checks: { 'signal named after the instance': 'ok', 'cloud-init has come to its end': 'ok', inspection: 'ok' },
      });
      expect(readFileSync(join(logs, 'inspected.log'), 'utf8')).toBe(`installed apache2 2.4.62-1
installed mysql-server 8.0.1
installed wordpress 6.1.1
apache2 active enabled, starts: 2
mysql active enabled, starts: 1
400 root:root /etc/cfn/cfn-credentials
400 root:root /etc/cfn/cfn-hup.conf
600 root:root /root/setup.mysql
644 root:www-data /etc/apache2/conf-enabled/weblog.conf
CREATE DATABASE weblog;
GRANT ALL PRIVILEGES ON weblog.* TO 'writer'@'localhost' IDENTIFIED BY 'ofTheWeblog1';
FLUSH PRIVILEGES;
<?php
define('DB_NAME', 'weblog');
define('DB_USER', 'writer');
define('DB_PASSWORD', 'ofTheWeblog1');
site: Alias /blog /usr/share/wordpress
`);
    },
    TIMEOUT + 10_000,
  );

  test(
    'a package that is not to be had: the stack fails, with the reason of its user data',
    async () => {
      const { ended } = await bootWeblog('weblog-without', 'rm "$1"/srv/packages/wordpress_*');
      expect(ended.code).toBe(1);
      expect(ended.stderr).toContain('CREATE_FAILED');
      expect(ended.stderr).toContain('Failed to run cfn-init');
    },
    TIMEOUT + 10_000,
  );
});

describe('a template that cannot be booted', () => {
  const SERVER = 'Type: AWS::EC2::Instance';
  const CONDITION = 'Wait: {Type: AWS::CloudFormation::WaitCondition}';
  test.each([
    { template: 'Resources: {', says: 'neither JSON nor YAML' },
    { template: 'heat_template_version: 2018-08-31', says: 'no Resources: a template of the kind of AWS' },
    { template: `Resources: {${CONDITION}}`, says: 'one AWS::EC2::Instance is wanted, there are 0' },
    { template: `Resources: {A: {${SERVER}}, B: {${SERVER}}}`, says: 'there are 2' },
    { template: `Resources: {A: {${SERVER}}}`, says: 'nothing would be waited for' },
    { template: `Resources: {A: {${SERVER}}, ${CONDITION}}`, says: 'A has no UserData' },
  ])('$template: $says', async ({ template, says }) => {
    const load =
      'import sys; sys.path.insert(0, sys.argv[1]); import boot_template; boot_template.load("t", sys.argv[2])';
    const library = join(project, 'image-build/lib');
    const { code, stderr } = await run(['/usr/bin/python3', '-B', '-c', load, library, template]);
    expect({ code, lines: stderr.trimEnd().split('\n').length }).toEqual({ code: 1, lines: 1 });
    expect(stderr).toContain(says);
  });
});

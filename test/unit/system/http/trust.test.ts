import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { trustedBy } from '../../../../src/system/http/trust.ts';

const pem = (text: string): string => `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`;
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'cfntools-trust-'));
  for (const name of ['some', 'none']) mkdirSync(join(directory, name));
  writeFileSync(join(directory, 'one.pem'), `one\n${pem('one')}`);
  writeFileSync(join(directory, 'empty.pem'), '');
  writeFileSync(join(directory, 'cut.pem'), pem('cut').slice(0, 40));
  writeFileSync(join(directory, 'page.pem'), '<html>404</html>');
  writeFileSync(join(directory, 'some/two.pem'), pem('two'));
  symlinkSync('two.pem', join(directory, 'some/0a1b2c3d.0'));
  symlinkSync('nowhere', join(directory, 'some/4e5f6071.0'));
  writeFileSync(join(directory, 'some/key'), 'no certificate');
  execFileSync('mkfifo', [join(directory, 'fifo')]);
});
afterAll(() => rmSync(directory, { recursive: true }));

async function trusted(environment: Readonly<Record<string, string>>) {
  const warnings: string[] = [];
  const here = Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, value.replaceAll('DIR', directory)]),
  );
  const read = trustedBy(here, (text) => warnings.push(text));
  await read();
  const { ca, fault } = await read('MORE');
  const plain = (text: string): string => text.replaceAll(directory, 'DIR');
  const own = (ca ?? []).filter((text) => text.length < 200).map((text) => text.replace(/-----.*-----|\n/g, ''));
  return { own, warnings: warnings.map(plain), fault: fault === undefined ? undefined : plain(fault) };
}

test.each<[environment: Record<string, string>, own: string[]]>([
  [{}, ['MORE']],
  [{ SSL_CERT_FILE: '', SSL_CERT_DIR: ':' }, ['MORE']],
  [{ SSL_CERT_FILE: 'DIR/one.pem' }, ['oneone', 'MORE']],
  [{ SSL_CERT_DIR: 'DIR/some' }, ['two', 'MORE']],
  [{ SSL_CERT_FILE: 'DIR/one.pem', SSL_CERT_DIR: 'DIR/some' }, ['oneone', 'two', 'MORE']],
])('%j names what is trusted', async (environment, own) => {
  expect(await trusted(environment)).toEqual({ own, warnings: [], fault: undefined });
});

test.each<[environment: Record<string, string>, fault: string, own?: string[]]>([
  [{ SSL_CERT_FILE: 'DIR/typo.pem' }, 'SSL_CERT_FILE cannot be used: DIR/typo.pem: it does not exist'],
  [{ SSL_CERT_FILE: 'DIR/one.pem/x' }, 'SSL_CERT_FILE cannot be used: DIR/one.pem/x: it does not exist'],
  [{ SSL_CERT_FILE: 'DIR/some' }, 'SSL_CERT_FILE cannot be used: DIR/some: it is not a regular file'],
  [{ SSL_CERT_FILE: 'DIR/fifo' }, 'SSL_CERT_FILE cannot be used: DIR/fifo: it is not a regular file'],
  ...['empty', 'cut', 'page'].map((name): [Record<string, string>, string] => [
    { SSL_CERT_FILE: `DIR/${name}.pem` },
    `SSL_CERT_FILE cannot be used: DIR/${name}.pem: it has no certificate in PEM format`,
  ]),
  [{ SSL_CERT_DIR: 'DIR/none' }, 'SSL_CERT_DIR cannot be used: DIR/none: it has no certificate in PEM format'],
  [{ SSL_CERT_DIR: 'DIR/one.pem' }, 'SSL_CERT_DIR cannot be used: DIR/one.pem: it is not a directory'],
  [
    { SSL_CERT_DIR: 'DIR/nowhere:DIR/some' },
    'SSL_CERT_DIR cannot be used: DIR/nowhere: it does not exist',
    ['two', 'MORE'],
  ],
])('%j names nothing, is warned about once, and leaves the machine’s', async (environment, fault, own = ['MORE']) => {
  expect(await trusted(environment)).toEqual({ own, warnings: [`${fault}: it is ignored`], fault });
});

/** Servers that break the rules, and what a download of cfn-init makes of them: exit code, the words of the one line on stderr, time and memory. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { metadata } from '../support/cfn-init.ts';
import { answer, head, type Script } from '../support/fault-server.ts';
import { BIG, badCertificates, type FaultName, faults, flood, oneLine, useFaults } from '../support/faults.ts';
import { measuredRun } from '../support/measured-run.ts';
import { expectSoon } from '../support/soon.ts';
import { useMachine } from '../support/use-machine.ts';

const machine = useMachine();
const { breaking, secure, environment } = useFaults(() => machine().shared);
let roots = 0;

describe.concurrent('a download of cfn-init', () => {
  interface Fetched {
    readonly code: number;
    readonly stderr: string;
    readonly milliseconds: number;
    readonly peakMegabytes: number;
    /** What the run left of the file. */
    readonly content: Buffer | undefined;
  }

  async function fetchFile(source: string, env = environment(), settings = ''): Promise<Fetched> {
    const root = join(machine().shared, `root-${roots++}`);
    mkdirSync(join(root, 'etc/cfn'), { recursive: true });
    writeFileSync(join(root, 'etc/cfn/cfntools.conf'), settings);
    const input = metadata({ files: { '/file': { source } } });
    const command = [binary('cfn-init'), '--root', root, '-'];
    const ended = await measuredRun(machine(), command, { env, input, timeout: 150_000 });
    const file = join(root, 'file');
    const isThere = statSync(file, { throwIfNoEntry: false }) !== undefined;
    const stderr = ended.stderr.replace(/^cfn-init: warning: applying to [^\n]*\n/, '');
    return { ...ended, stderr, content: isThere ? readFileSync(file) : undefined };
  }

  // The long ones first: the others run beside them.
  test.each<[name: FaultName]>([['stall before the head'], ['stall after the head']])(
    '%s, then whole: a minute of silence is enough, exit 0',
    { timeout: 150_000 },
    async (name) => {
      const server = await breaking((count) => (count === 1 ? faults[name]() : answer(200, 'whole')));
      const { code, stderr, milliseconds, content } = await fetchFile(`${server.url}/x`);
      // That it lasts is told after a minute, which this may have taken.
      const said = stderr.replace(/^cfn-init: files +lasts +\/file +1 min\n/, '');
      expect({ code, said, content: content?.toString() }).toEqual({ code: 0, said: '', content: 'whole' });
      await expectSoon(milliseconds, 80_000);
    },
  );

  test.each<[name: string, retryAfter: string, most: number]>([
    ['half an age', '999999999', 130_000],
    ['seconds', '1', 10_000],
    ['no number', 'soon', 10_000],
    ['less than nothing', '-5', 10_000],
  ])('Retry-After with %s, then whole: exit 0', { timeout: 150_000 }, async (_, retryAfter, most) => {
    const server = await breaking((count) =>
      count === 1 ? answer(503, 'busy', { 'Retry-After': retryAfter }) : answer(200, 'whole'),
    );
    const { code, content, milliseconds } = await fetchFile(`${server.url}/x`);
    expect({ code, content: content?.toString() }).toEqual({ code: 0, content: 'whole' });
    await expectSoon(milliseconds, most);
  });

  test.each<[name: FaultName, words: RegExp]>([
    ['a length too long', /was interrupted/],
    ['no HTTP', /no answer/],
  ])('%s each time: exit 1 after five attempts, and no file', { timeout: 90_000 }, async (name, words) => {
    const server = await breaking(faults[name]);
    const { code, stderr, milliseconds, content } = await fetchFile(`${server.url}/x`);
    expect({ code, content, asked: server.requests.length }).toEqual({ code: 1, content: undefined, asked: 5 });
    expect(stderr).toMatch(oneLine('cfn-init', words));
    await expectSoon(milliseconds, 45_000);
  });

  test.each<[name: FaultName]>([
    ['reset before the answer'],
    ['closed before the answer'],
    ['reset in the body'],
    ['a length too long'],
    ['a length that is none'],
    ['two lengths'],
    ['a bad chunk'],
    ['no HTTP'],
    ['a head without end'],
  ])('%s, then whole: nothing of the first is in the file, exit 0', async (name) => {
    const server = await breaking((count) => (count === 1 ? faults[name]() : answer(200, 'whole')));
    const { code, stderr, milliseconds, content } = await fetchFile(`${server.url}/x`);
    expect({ code, stderr, content: content?.toString() }).toEqual({ code: 0, stderr: '', content: 'whole' });
    await expectSoon(milliseconds, 10_000);
  });

  test.each<[name: string, script: Script]>([
    ['cut short', () => [{ send: `${head(404, { 'Content-Length': 1000 })}<html>` }, 'reset']],
    ['of 100 MB', flood(404)],
    ['by drops', () => [{ send: head(404) }, { drip: 'x'.repeat(999), every: 50 }]],
    ['that never comes', () => [{ send: head(404, { 'Content-Length': 9 }) }, 'hang']],
    ['without end', () => [{ send: head(404) }, { flood: 10 * BIG }, 'close']],
  ])('a page of 404 %s is a 404: exit 1', async (_, script) => {
    const server = await breaking(script);
    const { code, stderr, milliseconds, content } = await fetchFile(`${server.url}/x`);
    expect({ code, content, asked: server.requests.length }).toEqual({ code: 1, content: undefined, asked: 1 });
    expect(stderr).toMatch(oneLine('cfn-init', /HTTP 404/));
    await expectSoon(milliseconds, 3_000);
  });

  test('101 is a failure: exit 1', async ({ expect }) => {
    const server = await breaking(faults['101']);
    const { code, stderr, content } = await fetchFile(`${server.url}/x`);
    expect({ code, content, asked: server.requests.length }).toEqual({ code: 1, content: undefined, asked: 1 });
    expect(stderr).toMatch(oneLine('cfn-init', /switches protocols \(HTTP 101\)/));
  });

  test('interim answers before the answer are ignored: exit 0', async ({ expect }) => {
    const server = await breaking(() => [{ send: head(100) + head(102) + head(103) }, ...answer(200, 'whole')]);
    const { code, content } = await fetchFile(`${server.url}/x`);
    expect({ code, content: content?.toString() }).toEqual({ code: 0, content: 'whole' });
  });

  test('a body without a length that is reset half way is asked for again', async ({ expect }) => {
    const server = await breaking((count) =>
      count === 1 ? [{ send: `${head(200)}half` }, { drip: '', every: 0 }, 'reset'] : answer(200, 'whole'),
    );
    const { code, content } = await fetchFile(`${server.url}/x`);
    expect({ code, content: content?.toString() }).toEqual({ code: 0, content: 'whole' });
  });

  test.each<[settings: string, words: RegExp]>([
    ['', /redirected from https to http: .*allow-http-redirects = true in \/etc\/cfn\/cfntools.conf/],
    ['allow-http-redirects = false', /redirected from https to http/],
    ['allow-http-redirects = maybe', /allow-http-redirects is not true or false[^\n]*\n[^\n]*from https to http/],
  ])('a redirect from https to http is refused, with the settings %j: exit 1', async (settings, words) => {
    const plain = await breaking(() => answer(200, 'plain'));
    const server = await secure('signed', { status: 302, headers: { Location: `${plain.url}/x` } });
    const { code, stderr, content } = await fetchFile(`${server.url}/x`, environment(true), settings);
    expect({ code, content, asked: plain.requests.length }).toEqual({ code: 1, content: undefined, asked: 0 });
    expect(stderr).toMatch(words);
  });

  test('a redirect from https to http is followed with allow-http-redirects: exit 0', async ({ expect }) => {
    const plain = await breaking(() => answer(200, 'plain'));
    const server = await secure('signed', { status: 302, headers: { Location: `${plain.url}/x` } });
    const { code, stderr, content } = await fetchFile(
      `${server.url}/x`,
      environment(true),
      '[main]\nallow-http-redirects = true\n',
    );
    expect({ code, stderr, content: content?.toString() }).toEqual({ code: 0, stderr: '', content: 'plain' });
  });

  test('a body by drops comes to its end: exit 0', async ({ expect }) => {
    const server = await breaking(() => [
      { send: head(200, { 'Content-Length': 60 }) },
      { drip: 'x'.repeat(60), every: 50 },
      'close',
    ]);
    const { code, content } = await fetchFile(`${server.url}/x`);
    expect({ code, content: content?.toString() }).toEqual({ code: 0, content: 'x'.repeat(60) });
  });

  test('a length too short says where the file ends: exit 0', async ({ expect }) => {
    const server = await breaking(faults['a length too short']);
    const { code, content } = await fetchFile(`${server.url}/x`);
    expect({ code, content: content?.toString() }).toEqual({ code: 0, content: '01234' });
  });

  test('100 MB arrive, and are never in memory as a whole', { timeout: 90_000 }, async ({ expect }) => {
    const server = await breaking(flood(200));
    const { code, content, peakMegabytes } = await fetchFile(`${server.url}/x`);
    expect({ code, bytes: content?.length }).toEqual({ code: 0, bytes: BIG });
    expect(peakMegabytes).toBeLessThan(180);
  });

  test.each(badCertificates)(
    'does not come from a server whose certificate is %s: exit 1 at once',
    async (_, certificate, knowsCa, words) => {
      const server = await secure(certificate);
      const { code, stderr, milliseconds, content } = await fetchFile(`${server.url}/x`, environment(knowsCa));
      expect({ code, content, asked: server.requests }).toEqual({ code: 1, content: undefined, asked: [] });
      expect(stderr).toMatch(oneLine('cfn-init', words));
      await expectSoon(milliseconds, 2_000);
    },
  );
});

import { describe, expect, it } from 'vitest';
import { commands } from '../../../src/commands/index.ts';
import { Problem } from '../../../src/errors.ts';
import { argumentsOf, parseWords } from './parsing.ts';

/** Splits at single spaces; `''` is an empty word. */
function words(line: string): string[] {
  return line.split(' ').map((word) => (word === "''" ? '' : word));
}

describe('what is accepted', () => {
  it.each<[line: string, options: Record<string, unknown>, operands?: string[]]>([
    ['cfn-init', {}],
    ['cfn-init -s S -r R --region E', { stack: 'S', resource: 'R', region: 'E' }],
    ['cfn-init --stack S --resource=R', { stack: 'S', resource: 'R' }],
    ['cfn-init -sS -rR', { stack: 'S', resource: 'R' }],
    ['cfn-init -vs S', { verbose: true, stack: 'S' }],
    ['cfn-init --stack= -v', { stack: '', verbose: true }],
    ["cfn-init --stack '' -v", { stack: '', verbose: true }],
    ['cfn-init --url=http://h/?a=b&c=d', { url: 'http://h/?a=b&c=d' }],
    ['cfn-init --access-key A --secret-key B', { accessKey: 'A', secretKey: 'B' }],
    [
      'cfn-init -f /etc/c --http-proxy p --https-proxy q',
      { credentialFile: '/etc/c', httpProxy: 'p', httpsProxy: 'q' },
    ],
    ['cfn-init -c a -c b,c --configsets d', { configsets: ['a', 'b,c', 'd'] }],
    ['cfn-init --resume', { resume: true }],
    ['cfn-init --role R --root /x --compat heat', { role: 'R', root: '/x', compat: 'heat' }],
    ['cfn-init file.json', {}, ['file.json']],
    ['cfn-init -', {}, ['-']],
    ['cfn-init - -v', { verbose: true }, ['-']],
    ['cfn-init -v -- -odd.json', { verbose: true }, ['-odd.json']],
    ['cfn-init file -v -s S', { verbose: true, stack: 'S' }, ['file']],
    ['cfn-signal -vk URL', { verbose: true, insecure: true }, ['URL']],
    ['cfn-signal -kve 0 URL', { verbose: true, insecure: true, exitCode: '0' }, ['URL']],
    ['cfn-signal -e0 URL', { exitCode: '0' }, ['URL']],
    ['cfn-signal -e=0 URL', { exitCode: '0' }, ['URL']],
    ['cfn-signal -e= URL', { exitCode: '' }, ['URL']],
    ['cfn-signal -s=false URL', { success: 'false' }, ['URL']],
    ['cfn-signal -e -1 URL', { exitCode: '-1' }, ['URL']],
    ['cfn-signal --exit-code -1 URL', { exitCode: '-1' }, ['URL']],
    ['cfn-signal -e-1 URL', { exitCode: '-1' }, ['URL']],
    ["cfn-signal -e '' URL", { exitCode: '' }, ['URL']],
    ['cfn-signal URL -e 0 -r why -d what -i me', { exitCode: '0', reason: 'why', data: 'what', id: 'me' }, ['URL']],
    ['cfn-signal -e 0 URL -r why', { exitCode: '0', reason: 'why' }, ['URL']],
    ['cfn-signal --exit 1 URL', { exit: '1' }, ['URL']],
    ['cfn-signal --timeout 30 URL', { timeout: '30' }, ['URL']],
    ['cfn-signal -d a=b=c URL', { data: 'a=b=c' }, ['URL']],
    ['cfn-hup', {}],
    ['cfn-hup -f', { once: true }],
    ['cfn-hup --no-daemon', { daemon: false }],
    ['cfn-hup --daemon', { daemon: true }],
    ['cfn-hup -vf', { verbose: true, once: true }],
    ['cfn-hup --no', { daemon: false }],
    ['cfn-hup -c /etc/cfn', { config: '/etc/cfn' }],
    ["cfn-get-metadata -s S -r R -k foo.'bar.1'.baz", { stack: 'S', resource: 'R', key: "foo.'bar.1'.baz" }],
    ['cfn-get-metadata --credential-file f --raw', { credentialFile: 'f', raw: true }],
    ['cfn-get-metadata -f /c -v -k a', { credentialFile: '/c', verbose: true, key: 'a' }],
    ['cfn-get-metadata -vf/c --verb', { credentialFile: '/c', verbose: true }],
    ['cfn-create-aws-symlinks', {}],
    ['cfn-create-aws-symlinks -t /opt -s /usr/bin -f', { target: '/opt', source: '/usr/bin', force: true }],
  ])('%s', (line, options, operands = []) => {
    expect(argumentsOf(words(line))).toEqual({ options, operands });
  });

  it('values may hold anything that is no option of the command', () => {
    expect(argumentsOf(['cfn-signal', '-r', '- failed: -x', '-d', '--- a=b', 'URL'])).toEqual({
      options: { reason: '- failed: -x', data: '--- a=b' },
      operands: ['URL'],
    });
    expect(argumentsOf(['cfn-signal', '-r', '--data is missing', 'URL']).options['reason']).toBe('--data is missing');
    expect(argumentsOf(['cfn-init', '-c', 'a, b']).options['configsets']).toEqual(['a, b']);
  });
});

describe('unique prefixes', () => {
  it.each<[line: string, options: Record<string, unknown>]>([
    ['cfn-init --st S', { stack: 'S' }],
    ['cfn-init --reg=E', { region: 'E' }],
    ['cfn-init --conf a --configset=b', { configsets: ['a', 'b'] }],
    ['cfn-init --cred f', { credentialFile: 'f' }],
    ['cfn-init --verb', { verbose: true }],
    ['cfn-init --ver', { verbose: true }],
    ['cfn-init --ro R', { role: 'R' }],
    ['cfn-init --roo /x', { root: '/x' }],
    ['cfn-init --https p', { httpsProxy: 'p' }],
    ['cfn-signal --exit-c 0', { exitCode: '0' }],
    ['cfn-signal --exit 0', { exit: '0' }],
    ['cfn-signal --su true --rea x --da y --id z', { success: 'true', reason: 'x', data: 'y', id: 'z' }],
    ['cfn-hup --no-d', { daemon: false }],
    ['cfn-get-metadata --k a', { key: 'a' }],
    ['cfn-create-aws-symlinks --fo', { force: true }],
  ])('%s', (line, options) => {
    expect(argumentsOf(words(line)).options).toEqual(options);
  });
});

describe('usage errors', () => {
  it.each<[line: string, says: RegExp]>([
    ['cfn-init --nonsense', /--nonsense/],
    ['cfn-init --stakc S', /--stakc/],
    ['cfn-init -z', /-z/],
    ['cfn-init -vz', /-?z/],
    ['cfn-init --STACK S', /--STACK/],
    ['cfn-init --s S', /--s\b.*--stack.*--secret-key|--s\b.*--secret-key.*--stack/],
    ['cfn-init --re R', /--re\b.*--resource.*--region/],
    ['cfn-init --http p', /--http\b.*--http-proxy.*--https-proxy/],
    ['cfn-signal --ex 0', /--ex\b.*--exit-code.*--exit/],
    ['cfn-init --stack', /--stack.*value/],
    ['cfn-init -s', /-s.*value/],
    ['cfn-init -c', /-c.*value/],
    ['cfn-init -s -r R', /-s.*value.*-r/],
    ['cfn-init --stack --resource R', /--stack.*value.*--resource/],
    ['cfn-init --stack --resource=R', /--stack.*value.*--resource/],
    ['cfn-init --stack --resour R', /--stack.*value.*--resour/],
    ['cfn-signal -e --stack S', /-e.*value.*--stack/],
    ['cfn-signal -e -k URL', /-e.*value.*-k/],
    ['cfn-init --verbose=1', /--verbose/],
    ['cfn-init a b', /argument/],
    ['cfn-init a -- b', /argument/],
    ['cfn-signal URL1 URL2', /argument/],
    ['cfn-hup daemon', /argument/],
    ['cfn-get-metadata x', /argument/],
  ])('%s', (line, says) => {
    let problem: unknown;
    try {
      parseWords(words(line));
    } catch (error) {
      problem = error;
    }
    expect(problem).toBeInstanceOf(Problem);
    expect((problem as Problem).exitCode).toBe(2);
    expect((problem as Problem).line).toMatch(says);
    expect((problem as Problem).line).not.toMatch(/\n|^error/);
  });
});

describe('--version and --help', () => {
  const names = commands.map(({ name }) => name);

  it.each(names)('%s --version is one line', (name) => {
    expect(parseWords([name, '--version'])).toEqual({ text: 'cfntools 1.2.3\n' });
  });

  it.each(names)('%s --help names the command, and every option', (name) => {
    const result = parseWords([name, '--help']);
    const text = 'text' in result ? result.text : '';
    expect(text).toContain(`Usage: ${name}`);
    const spec = commands.find((command) => command.name === name);
    for (const { flags } of spec?.options ?? []) expect(text).toContain(flags);
    expect(parseWords([name, '-h'])).toEqual(result);
  });

  it('come before the complaint about what is missing', () => {
    expect(parseWords(['cfn-get-metadata', '--version'])).toHaveProperty('text');
  });
});

it.each([
  ['--watch', 'alarm', '--heartbeat'],
  ['--credential-file', '/etc/heat/heat-credentials', '--watch{Ref:', 'NodeScaleDown}'],
  ['-x', 'y', 'z'],
  ['--mem-util', '--'],
])('cfn-push-stats takes whatever it is given: %s %s', (...args) => {
  expect(parseWords(['cfn-push-stats', ...args])).toHaveProperty('arguments');
});

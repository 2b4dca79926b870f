import { describe, expect, it } from 'vitest';
import { decodeSettings, type HupSettings } from '../../../src/hup/settings.ts';
import { merged } from './configuration.ts';

const DEFAULTS: HupSettings = {
  stack: 's',
  credentialFile: undefined,
  role: undefined,
  region: undefined,
  url: undefined,
  umask: 0o022,
  interval: 60_000,
  verbose: false,
  maxAttempts: 10,
  actionTimeout: 3_600_000,
  stopTimeout: 60_000,
  configSets: [],
};

function decoded(text: string, more: Record<string, string> = {}) {
  const { sections, remarks } = merged({ 'cfn-hup.conf': text, ...more });
  return { settings: decodeSettings(sections, 'cfn-hup.conf', remarks), ...remarks };
}

it.each<[lines: string, settings: Partial<HupSettings>]>([
  ['', {}],
  ['stack=arn:aws:cloudformation:us-east-1:1:stack/s/6a', { stack: 'arn:aws:cloudformation:us-east-1:1:stack/s/6a' }],
  [
    'credential-file=/etc/cfn/cfn-credentials\nregion: nova\nurl = http://[::1]:8000/v1/',
    { credentialFile: '/etc/cfn/cfn-credentials', region: 'nova', url: 'http://[::1]:8000/v1/' },
  ],
  ['CREDENTIAL_FILE=/c', { credentialFile: '/c' }],
  ['credential-file=\nregion=\nurl=\nrole=\nconfigsets=', {}],
  ['role=ref-Role', { role: 'ref-Role' }],
  ['umask=0', { umask: 0 }],
  ['umask=77', { umask: 0o77 }],
  ['umask=0o027', { umask: 0o027 }],
  ['umask=0777', { umask: 0o777 }],
  ['interval=15', { interval: 900_000 }],
  ['interval=30s', { interval: 30_000 }],
  ['interval= 2 m', { interval: 120_000 }],
  ['interval=1H', { interval: 3_600_000 }],
  ['interval=0.5', { interval: 30_000 }],
  ['interval=90s', { interval: 90_000 }],
  ['interval=1s', { interval: 1000 }],
  ['interval=10080', { interval: 604_800_000 }],
  ['verbose=on', { verbose: true }],
  ['verbose=True', { verbose: true }],
  ['verbose=no', { verbose: false }],
  ['max_attempts=1', { maxAttempts: 1 }],
  ['action-timeout=90', { actionTimeout: 90_000 }],
  ['action-timeout=0', { actionTimeout: Number.POSITIVE_INFINITY }],
  ['action-timeout=2h\nstop-timeout=0', { actionTimeout: 7_200_000, stopTimeout: 0 }],
  ['stop-timeout=5m', { stopTimeout: 300_000 }],
  ['configsets=one, two three,', { configSets: ['one', 'two', 'three'] }],
  ['region=%(x)s\nx=100%', { region: '100%' }],
])('%j', (lines, settings) => {
  const text = lines.startsWith('stack=') ? lines : `stack=s\n${lines}`;
  const result = decoded(`[main]\n${text}`);
  expect(result.settings).toEqual({ ...DEFAULTS, ...settings });
  expect(result.problems).toEqual([]);
});

const INTERVAL = 'give minutes, or a time such as 30s, 2m or 1h, from 1s to a week';

it.each<[text: string, problem: string]>([
  ['[h]\nx=y', 'cfn-hup.conf: there is no section [main]: begin it with [main] and a line stack=NAME'],
  ['', 'cfn-hup.conf: there is no section [main]: begin it with [main] and a line stack=NAME'],
  ['[Main]\nstack=s', 'cfn-hup.conf:1: unknown section [Main]: did you mean [main]?'],
  ['\n[mian]\nstack=s', 'cfn-hup.conf:2: unknown section [mian]: did you mean [main]?'],
  ['[mai]', 'cfn-hup.conf:1: unknown section [mai]: did you mean [main]?'],
  ['[cfn-hup]\ncredential_file=/c', 'cfn-hup.conf:1: unknown section [cfn-hup]: did you mean [main]?'],
  ['[main]\nstak=s', 'cfn-hup.conf:2: [main] names no stack: write stack= instead of stak='],
  ['\n[main]\nregion=r', 'cfn-hup.conf:2: [main] names no stack: add a line stack=NAME'],
  ['[main]\nstack=', 'cfn-hup.conf:1: [main] names no stack: add a line stack=NAME'],
  [
    '[main]\nstack=s\n  region=r',
    'cfn-hup.conf:2: stack has more than one line: is the next line indented by mistake?',
  ],
  [
    '[main]\nstack=%(name)s',
    'cfn-hup.conf:2: stack refers to %(name)s, and there is no such key: write %%( for a literal %(',
  ],
  ['[main]\nstack=s\ninterval=-1', `cfn-hup.conf:3: interval is "-1": ${INTERVAL}`],
  ['[main]\nstack=s\ninterval=soon', `cfn-hup.conf:3: interval is "soon": ${INTERVAL}`],
  ['[main]\nstack=s\ninterval=', `cfn-hup.conf:3: interval is "": ${INTERVAL}`],
  ['[main]\nstack=s\ninterval=0.5s', `cfn-hup.conf:3: interval is "0.5s": ${INTERVAL}`],
  ['[main]\nstack=s\ninterval=5 minutes', `cfn-hup.conf:3: interval is "5 minutes": ${INTERVAL}`],
  ['[main]\nstack=s\ninterval=1d', `cfn-hup.conf:3: interval is "1d": ${INTERVAL}`],
  ['[main]\nstack=s\ninterval=10081', `cfn-hup.conf:3: interval is "10081": ${INTERVAL}`],
  ['[main]\nstack=s\ninterval=999999999', `cfn-hup.conf:3: interval is "999999999": ${INTERVAL}`],
  ['[main]\nstack=s\ninterval=-0', `cfn-hup.conf:3: interval is "-0": ${INTERVAL}`],
  ['[main]\nstack=s\ninterval=1e3', `cfn-hup.conf:3: interval is "1e3": ${INTERVAL}`],
  ['[main]\nstack=s\numask=028', 'cfn-hup.conf:3: umask is "028": give octal digits from 0 to 0777'],
  ['[main]\nstack=s\numask=1777', 'cfn-hup.conf:3: umask is "1777": give octal digits from 0 to 0777'],
  ['[main]\nstack=s\nverbose=2', 'cfn-hup.conf:3: verbose is "2": give true or false'],
  ['[main]\nstack=s\nmax-attempts=0', 'cfn-hup.conf:3: max-attempts is "0": give a whole number from 1 to 1000'],
  ['[main]\nstack=s\nmax-attempts=1.5', 'cfn-hup.conf:3: max-attempts is "1.5": give a whole number from 1 to 1000'],
  [
    '[main]\nstack=s\naction-timeout=8d',
    'cfn-hup.conf:3: action-timeout is "8d": give seconds, or a time such as 30s, 2m or 1h, up to a week; 0 for none',
  ],
  [
    '[main]\nstack=s\nstop-timeout=2h',
    'cfn-hup.conf:3: stop-timeout is "2h": give seconds, or a time such as 30s or 2m, up to an hour',
  ],
  [
    '[main]\nstack=s\nurl=https://me:secret@/',
    'cfn-hup.conf:3: url is not the base URL of an API: as in http://HOST:8000/v1/, without a user or a query',
  ],
  [
    '[main]\nstack=s\nurl=http://h/v1/?Action=x',
    'cfn-hup.conf:3: url is not the base URL of an API: as in http://HOST:8000/v1/, without a user or a query',
  ],
  [
    '[main]\nstack=s\ncredential-file=cfn-credentials',
    'cfn-hup.conf:3: credential-file is not an absolute path: begin it with /',
  ],
])('refuses %j', (text, problem) => {
  const { settings, problems } = decoded(text);
  expect(settings).toBeUndefined();
  expect(problems).toEqual([problem]);
});

it('reports all problems together', () => {
  const { settings, problems } = decoded('[main]\ninterval=x\numask=9\nurl=ftp://h\nverbose=2\nmax-attempts=x');
  expect(settings).toBeUndefined();
  expect(problems.map((problem) => problem.split(': ')[1])).toEqual([
    '[main] names no stack',
    'url is not the base URL of an API',
    'umask is "9"',
    'interval is "x"',
    'verbose is "2"',
    'max-attempts is "x"',
  ]);
});

describe('warnings', () => {
  it.each<[lines: string, warning: string]>([
    ['intervall=1', 'cfn-hup.conf:3: unknown key intervall: did you mean interval?'],
    ['regoin=r', 'cfn-hup.conf:3: unknown key regoin: did you mean region?'],
    ['credentials-file=/c', 'cfn-hup.conf:3: unknown key credentials-file: did you mean credential-file?'],
    ['proxy=h', 'cfn-hup.conf:3: unknown key proxy: ignored'],
    [
      'credential_file=/a\ncredential-file=/b',
      'cfn-hup.conf:3: credential_file is ignored: credential-file is also set',
    ],
    ...['0', '0m', '0s', '0h', '0.0', '00'].map((zero): [string, string] => [
      `interval=${zero}`,
      `cfn-hup.conf:3: interval is ${zero}: the default of 1 minute is used`,
    ]),
    [
      'role=r\ncredential-file=/b',
      'cfn-hup.conf:4: credential-file is used only where there is no such role: role is also set',
    ],
  ])('%j', (lines, warning) => {
    const { settings, warnings } = decoded(`[main]\nstack=s\n${lines}`);
    expect(settings).toMatchObject({ stack: 's', interval: DEFAULTS.interval });
    expect(warnings).toEqual([warning]);
  });

  it('says nothing of what [DEFAULT] gives', () => {
    expect(decoded('[DEFAULT]\nrunas=me\nregion=r\n[main]\nstack=s')).toEqual({
      settings: { ...DEFAULTS, region: 'r' },
      problems: [],
      warnings: [],
    });
  });
});

it('takes keys of [main] in a later file, and says so', () => {
  const { settings, warnings } = decoded('[main]\nstack=s\nregion=a', {
    'hooks.conf': '\n[main]\nregion=b\nverbose=1',
  });
  expect(settings).toEqual({ ...DEFAULTS, region: 'b', verbose: true });
  expect(warnings).toEqual(['hooks.conf:2: [main] is also in cfn-hup.conf: its keys here replace those there']);
});

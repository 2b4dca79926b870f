import { execFileSync, spawnSync } from 'node:child_process';
import { beforeEach, describe, expect, it } from 'vitest';
import { decodePythonIni, type PythonIni, resolveSetting } from '../../src/python-ini.ts';

/** Reads files from stdin and says what the strict ConfigParser makes of each, with Python's own decoding of a file. */
const ORACLE = `
import base64, configparser, io, json, sys
answers = []
for text in json.load(sys.stdin):
    parser = configparser.ConfigParser()
    try:
        parser.read_file(io.TextIOWrapper(io.BytesIO(base64.b64decode(text)), encoding='utf-8'))
    except (configparser.Error, UnicodeError) as error:
        answers.append({'error': type(error).__name__})
        continue
    sections = []
    for name in parser.sections():
        values = {}
        for key in parser.options(name):
            try:
                values[key] = parser.get(name, key)
            except configparser.InterpolationError as error:
                values[key] = {'error': type(error).__name__}
        sections.append([name, values])
    answers.append({'sections': sections})
json.dump(answers, sys.stdout)
`;

const PYTHON = '/usr/bin/python3';
const isThere = spawnSync(PYTHON, ['-c', 'import configparser']).status === 0;

/** Files with something odd in each; Python and we must say the same of them. */
const SAME: readonly (string | Buffer)[] = [
  '',
  '\n\n',
  '# only a comment',
  '[main]',
  '[main]\nstack=s\n',
  '[main]\nstack = s',
  '[main]\nstack: s',
  '[main]\nstack :s = t',
  '[main]\nstack=a:b=c',
  '[main]\nstack=\n',
  '[main]\nstack',
  '[main]\n=value',
  '[main]\n: value',
  '[main]\nstack==s',
  '[main]\nSTACK=s\nReGion=r',
  '[main]\nstack name = s',
  '[main]\nstack\t=\ts\t',
  'stack=s\n[main]',
  'nonsense\n[main]\nstack=s',
  '# fine\n\n; fine too\n[main]\nstack=s',
  '[main] # trailing\nstack=s',
  '[main]trailing\nstack=s',
  '[main]=x\nstack=s',
  '[a]b]\nx=1',
  '[]\nx=1',
  '[]=1\nx=1',
  '[a]\n[]=1',
  '[ a ]\nx=1',
  '[a\nx=1',
  '[a]\n[b = 1',
  '[a=b]\nx=1',
  '[a]\nx=1\n[a]\ny=2',
  '[a]\nx=1\nX=2',
  '[A]\nx=1\n[a]\nx=2',
  '[a]\nx=1\nx =2',
  '[a]\nx=1 # not a comment',
  '[a]\nx=1 ; not a comment',
  '[a]\nx=#1',
  '[a]\n#x=1\n;y=2\n  # z=3\nw=4',
  '[a]\nx=1\n  2\n  3\ny=4',
  '[a]\nx=1\n  # no\n  2',
  '[a]\nx=1\n# no\n  2',
  '[a]\nx=1\n\n  2\n\n\n  3\n\ny=4',
  '[a]\nx=1\n\n\n',
  '[a]\nx=\n  1\n  2',
  '[a]\nx=\n\n  1',
  '[a]\nx=1\n  y=2\n  [b]\nz=3',
  '[a]\n  x=1\n  y=2\n    3\nz=4',
  '[a]\n    x=1\n  y=2\nz=3',
  '  [a]\n  x=1\n    2\n  [b]\n  y=3',
  '[a]\n x=1\n  2\n 3=4',
  '[a]\n\tx=1\n        2',
  '[a]\naction=one \\\n  --two \\\n  --three\n',
  '[a]\naction=echo "a\n  b"\n  echo c \\\nrunas=root',
  "[a]\naction=su - user -c 'x; y' # z\n",
  '[a]\nx=100%%',
  '[a]\nx=%%%%y%%',
  '[a]\nx=%(y)s\ny=1',
  '[a]\nx=<%(Y)s>\ny=%(z)s%%\nz=%%(x)s',
  '[a]\nx=%(y)s',
  '[a]\nx=%(x)s',
  '[a]\nx=%(y)s\ny=%(x)s',
  `[a]\n${Array.from({ length: 10 }, (_, i) => `k${i}=%(k${i + 1})s`).join('\n')}\nk10=end`,
  `[a]\n${Array.from({ length: 9 }, (_, i) => `k${i}=%(k${i + 1})s`).join('\n')}\nk9=%%`,
  `[a]\n${Array.from({ length: 12 }, (_, i) => `k${i}=%(k${i + 1})s`).join('\n')}\nk12=end`,
  '[DEFAULT]\nx=1\n[a]\n[b]\nx=2',
  '[a]\ny=%(x)s\n[DEFAULT]\nx=1\n[b]\ny=%(x)s\nx=2',
  '[DEFAULT]\nx=1\n[DEFAULT]\ny=2\n[a]',
  '[DEFAULT]\nx=1\n[DEFAULT]\nx=2\n[a]',
  '[default]\nx=1\n[a]',
  '[a]\r\nx=1\r\n  2\r\ny=3\r\n',
  '[a]\rx=1\r  2\ry=3',
  '[a]\nx=1\x0b2\x0c3\u20284\u20295\x856\n',
  '[a]\nx=\u00a01\u00a0\n\u00a0\u20032\n',
  '[a]\n\x1cx=1\x1f\n',
  '[a]\n\ufeffx=1\n',
  '[\u00fc]\n\u00c4=\u00f6\n',
  Buffer.from('[a]\nx=\xfc\n', 'latin1'),
  Buffer.from([0xff, 0xfe, 0x5b, 0x00, 0x61, 0x00, 0x5d, 0x00]),
  '[a]\nx="1"\ny=\'2\'\nz="a;b"',
  '[a]\nx[]=1\ny.z=2',
  '[a]\n__proto__=1\nconstructor=2\n[__proto__]\nx=3',
  '[cfn-auto-reloader-hook]\ntriggers=post.update\npath=Resources.A.Metadata.AWS::CloudFormation::Init\naction=/opt/aws/bin/cfn-init -v\nrunas=root\n',
  '{"triggers": "post.update"}',
  '<html>\n<body>\n',
];

type Answer = Readonly<Record<string, unknown>>;

/** Where we differ on purpose. */
const DIFFERENT: readonly [reason: string, text: string, python: Answer, ours: Answer][] = [
  [
    'a byte order mark is what some editors write, and means nothing',
    '\ufeff[a]\nx=1',
    { error: 'MissingSectionHeaderError' },
    { sections: [['a', { x: '1' }]] },
  ],
  [
    'a lone % can only mean itself',
    '[a]\naction=date +%F >> /var/log/x\n',
    { sections: [['a', { action: { error: 'InterpolationSyntaxError' } }]] },
    { sections: [['a', { action: 'date +%F >> /var/log/x' }]] },
  ],
  [
    'a % at the end, too',
    '[a]\nx=100%',
    { sections: [['a', { x: { error: 'InterpolationSyntaxError' } }]] },
    { sections: [['a', { x: '100%' }]] },
  ],
  [
    'a format of printf is no reference',
    "[a]\nx=printf '%(%F)T' -1",
    { sections: [['a', { x: { error: 'InterpolationSyntaxError' } }]] },
    { sections: [['a', { x: "printf '%(%F)T' -1" }]] },
  ],
  ['no program can be given a NUL', '[a]\nx=1\0', { sections: [['a', { x: '1\0' }]] }, { error: 'a NUL byte' }],
];

function bytesOf(text: string | Buffer): Buffer {
  return typeof text === 'string' ? Buffer.from(text) : text;
}

function askPython(texts: readonly (string | Buffer)[]): readonly Answer[] {
  const input = JSON.stringify(texts.map((text) => bytesOf(text).toString('base64')));
  return JSON.parse(execFileSync(PYTHON, ['-c', ORACLE], { input, encoding: 'utf8' })) as Answer[];
}

function ourAnswer(text: string | Buffer): Answer {
  const ini: PythonIni = decodePythonIni(bytesOf(text));
  const [fault] = ini.faults;
  if (fault !== undefined) return { error: fault.what };
  return {
    sections: [...ini.sections].map(([name, section]) => {
      const settings = new Map([...ini.defaults, ...section.settings]);
      const values = [...settings.keys()].map((key) => {
        const resolved = resolveSetting(settings, key);
        return [key, resolved !== undefined && 'value' in resolved ? resolved.value : { error: resolved?.fault }];
      });
      return [name, Object.fromEntries(values)];
    }),
  };
}

/** An error is an error, whatever it is called. */
function withoutNames(answer: unknown): unknown {
  return JSON.parse(JSON.stringify(answer), (key, value) => (key === 'error' ? 'some' : value));
}

describe('against Python\u2019s configparser', () => {
  beforeEach((ctx) => {
    if (!isThere) ctx.skip(`${PYTHON} is not there`);
  });
  const answers = isThere ? askPython([...SAME, ...DIFFERENT.map(([, text]) => text)]) : [];

  it.each(SAME.map((text, index) => [text.toString('latin1'), index] as const))('%j', (_, index) => {
    expect(withoutNames(ourAnswer(SAME[index] as string | Buffer))).toEqual(withoutNames(answers[index]));
  });

  it.each(DIFFERENT.map((row, index) => [...row, index] as const))('%s', (_, text, python, ours, index) => {
    expect(answers[SAME.length + index]).toEqual(python);
    expect(ourAnswer(text)).toEqual(ours);
  });
});

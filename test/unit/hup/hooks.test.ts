import { describe, expect, it } from 'vitest';
import { decodeHooks, type Hook } from '../../../src/hup/hooks.ts';
import { merged } from './configuration.ts';

const HOOK = { triggers: 'post.update', path: 'Resources.Web.Metadata', action: '/bin/true' };

function decoded(files: Record<string, string>) {
  const { sections, remarks } = merged(files);
  return { hooks: decodeHooks(sections, remarks), ...remarks };
}

/** A file with one hook, some of its keys other than usual; undefined: not there. */
function hookFile(keys: Partial<Record<string, string | undefined>>, name = 'h'): string {
  const lines = Object.entries({ ...HOOK, ...keys }).flatMap(([key, value]) =>
    value === undefined ? [] : `${key}=${value}`,
  );
  return `[${name}]\n${lines.join('\n')}\n`;
}

it("AWS's trigger on.command is a warning; the others of the hook work", () => {
  const { hooks, problems, warnings } = decoded({ f: hookFile({ triggers: 'post.update, On.Command' }) });
  expect({ problems, triggers: hooks.map(({ triggers }) => triggers) }).toEqual({
    problems: [],
    triggers: [['post.update']],
  });
  expect(warnings).toEqual([
    'f:2: hook [h]: on.command is ignored: it needs a queue of Amazon SQS, which Heat does not have',
  ]);
});

describe('a hook', () => {
  it.each<[keys: Record<string, string>, hook: Partial<Hook>]>([
    [{}, { name: 'h', file: 'f', triggers: ['post.update'], action: '/bin/true', runas: 'root' }],
    [{ runas: 'www-data' }, { runas: 'www-data' }],
    [{ runas: 'DOMAIN\\domain user' }, { runas: 'DOMAIN\\domain user' }],
    [{ runas: '33' }, { runas: '33' }],
    [
      { triggers: 'post.add, POST.Update post.remove,service.restarted,' },
      { triggers: ['post.add', 'post.update', 'post.remove', 'service.restarted'] },
    ],
    [{ triggers: 'post.update,\n  post.update\n  post.add' }, { triggers: ['post.update', 'post.add'] }],
    [{ action: 'a --one \\\n  --two\n  date +%F # x' }, { action: 'a --one \\\n--two\ndate +%F # x' }],
    [
      { path: 'Resources.Web.Metadata.AWS::CloudFormation::Init' },
      {
        path: {
          text: 'Resources.Web.Metadata.AWS::CloudFormation::Init',
          resource: 'Web',
          kind: 'metadata',
          keys: ['AWS::CloudFormation::Init'],
        },
      },
    ],
  ])('%j', (keys, hook) => {
    const { hooks, problems, warnings } = decoded({ f: hookFile(keys) });
    expect(hooks).toEqual([expect.objectContaining(hook)]);
    expect([...problems, ...warnings]).toEqual([]);
  });

  const VALID = 'valid triggers are post.add, post.update, post.remove, service.restarted';
  it.each<[keys: Record<string, string | undefined>, problem: string]>([
    [
      { triggers: undefined },
      'f:1: hook [h]: no triggers: name one or more of post.add, post.update, post.remove, service.restarted',
    ],
    [
      { triggers: '' },
      'f:2: hook [h]: triggers is empty: name one or more of post.add, post.update, post.remove, service.restarted',
    ],
    [{ triggers: ',' }, `f:2: hook [h]: triggers names no trigger: ${VALID}`],
    [{ triggers: 'post.update post.upd' }, `f:2: hook [h]: unknown trigger "post.upd": did you mean post.update?`],
    [{ triggers: 'post.updated' }, 'f:2: hook [h]: unknown trigger "post.updated": did you mean post.update?'],
    [{ triggers: 'Post.ad' }, 'f:2: hook [h]: unknown trigger "Post.ad": did you mean post.add?'],
    [{ triggers: undefined, trigers: 'post.add' }, 'f:4: hook [h]: no triggers: write triggers= instead of trigers='],
    [
      { triggers: 'on.command' },
      `f:2: hook [h]: it never runs: its only trigger is on.command: it needs a queue of Amazon SQS, which Heat does not have; ${VALID}`,
    ],
    [{ triggers: 'on.command,post.upd' }, 'f:2: hook [h]: unknown trigger "post.upd": did you mean post.update?'],
    [{ path: undefined }, 'f:1: hook [h]: no path: as in path=Resources.RES.Metadata'],
    [{ path: '' }, 'f:3: hook [h]: path is empty: as in path=Resources.RES.Metadata'],
    [
      { path: 'Web.Metadata' },
      'f:3: hook [h]: the path "Web.Metadata" does not name a resource: write Resources.RES.Metadata, followed by keys separated by dots',
    ],
    [{ path: `${HOOK.path}\n  x` }, 'f:3: path has more than one line: is the next line indented by mistake?'],
    [{ action: undefined }, 'f:1: hook [h]: no action: give the command to run'],
    [{ action: '' }, 'f:4: hook [h]: action is empty: give the command to run'],
    [{ action: 'x %(y)s' }, 'f:4: action refers to %(y)s, and there is no such key: write %%( for a literal %('],
    [{ runas: '' }, 'f:5: hook [h]: runas is empty: name a user, or leave the line out for root'],
    [
      { runas: '-i' },
      'f:5: hook [h]: runas: "-i" is not the name of an account: write the name or number of an account',
    ],
    [{ runas: 'a\n  b' }, 'f:5: runas has more than one line: is the next line indented by mistake?'],
    [{ runas: '%(y)s' }, 'f:5: runas refers to %(y)s, and there is no such key: write %%( for a literal %('],
  ])('is left out: %j', (keys, problem) => {
    const { hooks, problems } = decoded({ f: hookFile(keys, 'h') + hookFile({}, 'other') });
    expect(hooks.map(({ name }) => name)).toEqual(['other']);
    expect(problems).toEqual([problem]);
  });

  it('has all its problems reported', () => {
    expect(decoded({ f: '[h]\ntriggers=never\npath=nowhere\nrunas=\n' }).problems).toHaveLength(4);
  });

  it('has unknown keys named', () => {
    const { hooks, warnings } = decoded({ f: hookFile({ trigers: 'post.add', singleton: '1' }) });
    expect(hooks).toHaveLength(1);
    expect(warnings).toEqual([
      'f:5: unknown key trigers: did you mean triggers?',
      'f:6: unknown key singleton: ignored',
    ]);
  });
});

describe('several', () => {
  it('keep the order of files, then of sections', () => {
    const { hooks } = decoded({
      main: `[main]\nstack=s\n${hookFile({}, 'm')}`,
      one: hookFile({}, 'z') + hookFile({}, 'a'),
      two: hookFile({}, 'A'),
    });
    expect(hooks.map(({ name, file }) => `${name} ${file}`)).toEqual(['m main', 'z one', 'a one', 'A two']);
  });

  it('of one name override key by key, as configparser\u2019s read()', () => {
    const { hooks, problems, warnings } = decoded({
      one: hookFile({ runas: 'me' }) + hookFile({}, 'i'),
      two: '\n[h]\naction=/bin/false\n',
    });
    expect(hooks).toEqual([
      expect.objectContaining({ name: 'h', file: 'one', action: '/bin/false', runas: 'me' }),
      expect.objectContaining({ name: 'i', action: '/bin/true' }),
    ]);
    expect(problems).toEqual([]);
    expect(warnings).toEqual(['two:2: [h] is also in one: its keys here replace those there']);
  });

  it('share [DEFAULT]', () => {
    const { hooks, warnings } = decoded({
      one: '[DEFAULT]\nrunas=me\ntriggers=post.add\n',
      two: hookFile({ triggers: undefined, action: 'as %(runas)s' }),
    });
    expect(hooks).toEqual([expect.objectContaining({ triggers: ['post.add'], action: 'as me', runas: 'me' })]);
    expect(warnings).toEqual([]);
  });
});

import { existsSync, readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { commands } from '../../../src/commands/index.ts';
import { argumentsOf } from './parsing.ts';
import { splitLine } from './split-line.ts';

/** Command lines of published templates: tool, line, flags, where, source. It lies beside the project and may be absent. */
const file = new URL('../../../../shared/corpus/invocations.tsv', import.meta.url);
const isThere = existsSync(file);
const rows = isThere ? readFileSync(file, 'utf8').trimEnd().split('\n').slice(1) : [];

/** What a search for command names also found in user data, and what it is. */
const NO_COMMAND_LINES = new Map([
  ['cfn-hup daemon', 'a comment: "the cfn-hup daemon"'],
  ['cfn-hup cfn-init cfn-send-cmd-event cfn-send-cmd-result cfn-signal', 'a list of programs to link'],
  ['cfn-init cfn-send-cmd-event cfn-send-cmd-result cfn-signal', 'a list of programs to link'],
  ['cfn-get-metadata cfn-hup cfn-init cfn-send-cmd-event cfn-send-cmd-result cfn-signal', 'a list of programs to link'],
]);

/** Marks of the text around a command line that was quoted in it. */
const QUOTED_NAME = /^(cfn-[a-z-]+)["'](?=\s|$)/;

interface Invocation {
  readonly line: string;
  readonly tool: string;
  /** As the table names them, each as often as it is given. */
  readonly flags: readonly string[];
}

const invocations = [
  ...new Map(
    rows.map((row): [string, Invocation] => {
      const [tool = '', line = '', flags = ''] = row.split('\t');
      return [line, { tool, line, flags: flags.split(',').filter((flag) => flag !== '') }];
    }),
  ).values(),
].filter(({ line }) => !NO_COMMAND_LINES.has(line));

/** How commander names an option, and whether it takes a value. */
function optionOf(tool: string, flag: string): { readonly name: string; readonly takesValue: boolean } {
  const spec = commands.find(({ name }) => name === tool);
  const flags = spec?.options.map((option) => option.flags).find((text) => text.split(/[ ,]+/).includes(flag));
  const long = /--([a-z-]+)/.exec(flags ?? '')?.[1];
  if (flags === undefined || long === undefined) throw new Error(`${tool} has no option ${flag}`);
  const name = long.replace(/^no-/, '').replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return { name, takesValue: flags.includes('<') };
}

/** The options and operands of a line by its own words: each flag of the table, and what stands behind it. */
function meaningOf({ tool, flags }: Invocation, words: readonly string[]): { options: object; operands: string[] } {
  const options: Record<string, unknown> = {};
  const rest = [...words];
  for (const flag of flags) {
    const at = rest.findIndex((word) => word === flag || word.startsWith(`${flag}=`));
    if (at < 0) throw new Error(`${flag} does not stand in ${words.join(' ')}`);
    const { name, takesValue } = optionOf(tool, flag);
    const [word = ''] = rest.splice(at, 1);
    const joined = word === flag ? undefined : word.slice(flag.length + 1);
    const value = takesValue ? (joined ?? rest.splice(at, 1)[0]) : flag !== '--no-daemon';
    options[name] = name === 'configsets' ? [...((options[name] as string[]) ?? []), value] : value;
  }
  return { options, operands: rest };
}

describe('command lines of published templates', () => {
  beforeEach((ctx) => {
    if (!isThere) ctx.skip('the corpus does not lie beside the project');
  });

  it('are there', () => {
    expect(invocations.length).toBeGreaterThan(200);
  });

  it.each(invocations)('$line', (invocation) => {
    const isQuoted = QUOTED_NAME.test(invocation.line);
    const [name = '', ...words] = splitLine(invocation.line.replace(QUOTED_NAME, '$1'));
    const tool = name.replace(/\.exe$/, '');
    expect(tool).toBe(invocation.tool);
    const parsed = argumentsOf([tool, ...words]);
    // The table has no flags for a quoted name; cfn-push-stats is gone and takes its line as it stands.
    if (isQuoted && words.length > 0)
      expect(parsed).toEqual({ options: { exitCode: '0' }, operands: ['ref-WaitHandle'] });
    else if (tool === 'cfn-push-stats') expect(parsed.operands).toEqual(words);
    else expect(parsed).toEqual(meaningOf(invocation, words));
  });
});

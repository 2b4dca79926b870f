import type { Context } from '../context.ts';
import { ExitCode, Problem, usageProblem } from '../errors.ts';
import { jsonTextAt, parseKeyPath } from '../json.ts';
import { jsonLikePython } from '../json-forms.ts';
import { findMetadata } from '../metadata/source-chain.ts';
import { flagOption, type ParsedArguments, textOption } from './command.ts';
import { chainTools, metadataOptions } from './metadata-options.ts';

/** cfn-get-metadata: prints the metadata of a resource, or the value at a key in it (contract section 2). */
export async function run(args: ParsedArguments, context: Context): Promise<ExitCode> {
  const lookup = metadataOptions(args);
  for (const name of ['stack', 'resource'] as const)
    if (lookup[name] === undefined) throw usageProblem(`--${name} is missing`, 'give --stack and --resource');
  const document = await findMetadata(lookup, chainTools(context));
  const text = valueAt(document.text, textOption(args, 'key'), lookup.resource ?? '');
  context.write(`${flagOption(args, 'raw') && text.startsWith('"') ? bare(text) : jsonLikePython(text)}\n`);
  return ExitCode.done;
}

/** @throws Problem when there is no such key */
function valueAt(text: string, key: string | undefined, resource: string): string {
  const path = key === undefined ? [] : parseKeyPath(key);
  const value = path === undefined ? undefined : jsonTextAt(text, path);
  if (value !== undefined) return value;
  throw new Problem(`no key ${key}`, {
    where: `the metadata of ${resource}`,
    hint: "dots separate keys, quotes protect one: foo.'bar.1'",
  });
}

function bare(text: string): string {
  return JSON.parse(text) as string;
}

import { binary } from './binary.ts';
import type { Ended, RunOptions } from './process.ts';
import type { Machine } from './sandbox.ts';

/** What stands under AWS::CloudFormation::Init/config. */
export type ConfigDocument = Readonly<Record<string, unknown>>;

/** A metadata document with one config, as JSON text. */
export function metadata(config: ConfigDocument, more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ ...more, 'AWS::CloudFormation::Init': { config } });
}

/** Runs cfn-init on a document that it gets by stdin. */
export function cfnInit(
  machine: Machine,
  document: ConfigDocument | string | Buffer,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<Ended> {
  const input = typeof document === 'string' || Buffer.isBuffer(document) ? document : metadata(document);
  return machine.run([binary('cfn-init'), ...args, '-'], { ...options, input });
}

/** The last line on stdout: `cfn-init: 2 changed, 1 unchanged in 12 ms`, without the time. */
export function summary({ stdout }: Ended): string {
  return (stdout.trimEnd().split('\n').pop() ?? '').replace(/^cfn-init: /, '').replace(/ in \S+ m?s$/, '');
}

/** The lines on stderr. */
export function complaints({ stderr }: Ended): readonly string[] {
  return stderr.split('\n').filter((line) => line !== '');
}

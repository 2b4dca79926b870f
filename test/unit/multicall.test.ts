import { expect, it } from 'vitest';
import { dispatch } from '../../src/multicall.ts';

const KNOWN = new Set(['cfn-init', 'cfn-signal', 'cfn-hup']);

it.each<[argv0: string, argv: string[], command: string | undefined, args: string[]]>([
  ['cfn-init', ['-v'], 'cfn-init', ['-v']],
  ['/opt/aws/bin/cfn-signal', ['-e', '0'], 'cfn-signal', ['-e', '0']],
  ['../bin/cfn-hup', [], 'cfn-hup', []],
  ['cfn-init.exe', ['x'], 'cfn-init', ['x']],
  ['cfn-init', ['cfn-signal'], 'cfn-init', ['cfn-signal']],
  ['/usr/bin/cfntools', ['cfn-init', '-v'], 'cfn-init', ['-v']],
  ['cfntools', ['/usr/bin/cfn-signal', 'URL'], 'cfn-signal', ['URL']],
  ['cfntools', [], undefined, []],
  ['cfntools', ['--version'], undefined, ['--version']],
  ['cfntools', ['cfn-launch', 'x'], undefined, ['cfn-launch', 'x']],
  ['cfntools', ['-v', 'cfn-init'], undefined, ['-v', 'cfn-init']],
  ['', ['cfn-hup', '-f'], 'cfn-hup', ['-f']],
])('%j %j calls %s', (argv0, argv, command, args) => {
  expect(dispatch(argv0, argv, KNOWN)).toEqual({ command, args });
});

import { expect, it } from 'vitest';
import { commandsOf, type InitCall, initCallOf } from '../../../src/hup/hook-findings.ts';

it.each<[action: string, calls: Partial<InitCall>[]]>([
  ['/opt/aws/bin/cfn-init -v --stack s --resource R --region x', [{ stack: 's', resource: 'R', configSets: [] }]],
  ['cfn-init -v -c a,b -r=R -s s', [{ resource: 'R', configSets: ['a', 'b'] }]],
  ['cfn-init -vrR --config "a, b" --configsets c', [{ resource: 'R', configSets: ['a', 'b', 'c'] }]],
  ['cfn-init --res R', [{}]],
  ['cfn-init --reso=R --sta s', [{ resource: 'R', stack: 's' }]],
  ['PATH=/bin; X=1 exec cfn-init -r R --role=x', [{ resource: 'R' }]],
  ['sleep 5 && cfn-init -r A || cfn-init -r B &', [{ resource: 'A' }, { resource: 'B' }]],
  ['if [ -x /opt/aws/bin/cfn-init ]; then cfn-init -r A; fi', [{ resource: 'A' }]],
  ['(cd / && sudo cfn-init -r \\\n  A) >/dev/null 2>&1', [{ resource: 'A' }]],
  ['echo cfn-init -r A # cfn-init -r B\nyum update', []],
  ['cfn-init -r $RES -c "`sets`" --stack ${S}', [{ resource: undefined, stack: undefined, configSets: undefined }]],
  ["cfn-init -r 'my server' /etc/metadata.json", [{ resource: 'my server', hasFile: true }]],
  ['cfn-init - <file', [{ hasFile: true }]],
  ['cfn-init -r "open', [{ resource: 'open' }]],
  ['cfn-init -r', [{ resource: undefined }]],
  ['', []],
])('%j', (action, calls) => {
  expect(commandsOf(action).flatMap((command) => initCallOf(command) ?? [])).toEqual(
    calls.map((call) => expect.objectContaining(call)),
  );
});

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { binary, project } from '../support/binary.ts';
import { run } from '../support/process.ts';
import { useSandbox } from '../support/use-machine.ts';
import type { Template } from './cloud.ts';
import { useHeat } from './use-heat.ts';

// Signed URLs that live for a minute are too short for a busy machine, and the test's own swift is beside the other heat.
const [heat, heatWithSwift] = [useHeat(), useHeat('heatOfToday')];
const view = useSandbox({ network: 'shared' });
const PATH = `${dirname(binary('cfn-init'))}:/usr/sbin:/usr/bin:/sbin:/bin`;

/** The templates of the page, by the heading above them. */
const templates = new Map(
  readFileSync(join(project, 'docs/guides/waiting.md'), 'utf8')
    .split(/^### /m)
    .slice(1)
    .map((part) => [part.split('\n')[0] ?? '', /```yaml\n(.*?)```/s.exec(part)?.[1] ?? '']),
);

test('the page has a template for each handle', () => {
  expect([...templates.keys()]).toEqual([
    'AWS::CloudFormation::WaitCondition',
    ...['OS::Heat with HEAT_SIGNAL', 'OS::Heat with TEMP_URL_SIGNAL', 'OS::Heat with TOKEN_SIGNAL'],
  ]);
});

describe('a template of docs/guides/waiting.md, whose user data is run in the place of a boot', () => {
  test.each([...templates.keys()])('%s', async (heading) => {
    const cloud = heading.includes('TEMP_URL_SIGNAL') ? heatWithSwift : heat;
    const { template, server } = withoutNova(await decodeYaml(templates.get(heading) ?? ''));
    const stack = await cloud().createUpToWaiting(template);
    const metadata = JSON.stringify(await cloud().metadataOf(stack, server));
    const give =
      'umask 077; rm -rf /srv/greeting /var/cache/heat-cfntools; mkdir -p /var/lib/cloud/data; cat >/var/lib/cloud/data/cfn-init-data';
    expect(await view().run(give, { input: metadata })).toMatchObject({ code: 0, stderr: '' });
    // A handle that is not known yet leaves a hole in the script, and its URL comes a moment later.
    const known = await cloud().until(stack, ({ outputs }) => /https?:\/\//.test(String(outputs['script'])));
    const script = String(known.outputs['script']);
    expect(script).toMatch(/^#!\/bin\/bash\n/);
    const ended = await view().run(['bash', '-c', script], { env: { PATH, HOME: '/root' } });
    expect(ended.code, ended.stderr).toBe(0);
    expect(view().read('/srv/greeting')).toBe('hello');
    expect(await cloud().untilSettled(stack)).toMatchObject({ status: 'CREATE_COMPLETE' });
  });
});

async function decodeYaml(text: string): Promise<Template> {
  const program = 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout, default=str)';
  const { code, stdout, stderr } = await run(['/usr/bin/python3', '-c', program], { input: text });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Template;
}

interface Resource {
  readonly metadata?: unknown;
  readonly Metadata?: unknown;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly Properties?: Readonly<Record<string, unknown>>;
}

/** The same, with a server as far as heat has one without Nova. Its user data becomes an output, `script`. */
function withoutNova(template: Template): { readonly template: Template; readonly server: string } {
  const isOfAws = 'Resources' in template;
  const resources = (isOfAws ? template['Resources'] : template['resources']) as Readonly<Record<string, Resource>>;
  const server = isOfAws ? 'Server' : 'server';
  const { metadata, Metadata, properties, Properties } = resources[server] ?? {};
  const transport = { software_config_transport: 'POLL_SERVER_CFN' };
  const type = 'OS::Heat::DeployedServer';
  const stands = isOfAws ? { Type: type, Metadata, Properties: transport } : { type, metadata, properties: transport };
  const { Parameters, parameters, ...rest } = template;
  const made = { ...resources, [server]: stands };
  return {
    server,
    template: isOfAws
      ? { ...rest, Resources: made, Outputs: { script: { Value: Properties?.['UserData'] } } }
      : { ...rest, resources: made, outputs: { script: { value: properties?.['user_data'] } } },
  };
}

import { expect, it } from 'vitest';
import { hookFindings } from '../../../src/hup/hook-findings.ts';
import { merged } from './configuration.ts';
import { SETTINGS } from './world.ts';

const INIT = 'AWS::CloudFormation::Init';
const WEB = { [INIT]: { configSets: { update: ['a'], broken: ['b'] }, a: {} } };
const PATH = 'path=Resources.Web.Metadata';
const WORKS = 'action=/opt/aws/bin/cfn-init -s s1 -r Web -c update';

/** What is found in a file of hooks whose section has these lines, without its name. */
function found(lines: string, stack = 's1'): { problems: string[]; warnings: string[] } {
  const text = `[h]\n${lines}\n`;
  const { sections } = merged({ '/f': text });
  const { problems, warnings } = hookFindings(
    { sections, settings: { ...SETTINGS, stack } },
    {
      texts: new Map([['/f', text]]),
      metadataOf: (resource, isOwn) => (isOwn && resource === 'Web' ? WEB : undefined),
    },
  );
  return { problems, warnings };
}
const arn = (name: string, id = '1') => `arn:openstack:heat::p:stacks/${name}/${id}`;
const GLUED = 'hook [h]:';

it.each<[lines: string, problem: string]>([
  [`${PATH}\n${WORKS} runas=root`, `/f:3: ${GLUED} runas= is on the line of action: start a new line before runas=`],
  [
    `${PATH}\n${WORKS} --region us-east-1runas=root`,
    `/f:3: ${GLUED} runas= is on the line of action: start a new line before runas=`,
  ],
  [
    `${PATH}\naction=/srv/run runas=root`,
    `/f:3: ${GLUED} runas= is on the line of action: start a new line before runas=`,
  ],
  [
    `${WORKS} triggers=post.update\n${PATH}`,
    `/f:2: ${GLUED} triggers= is on the line of action: start a new line before triggers=`,
  ],
  [
    `${PATH}.${INIT}action=cfn-init -r Web`,
    `/f:2: ${GLUED} action= is on the line of path: start a new line before action=`,
  ],
  [
    `triggers=post.update ${PATH}\n${WORKS}`,
    `/f:2: ${GLUED} path= is on the line of triggers: start a new line before path=`,
  ],
  [
    `${PATH}\n${WORKS}\nrunas=root triggers=post.update`,
    `/f:4: ${GLUED} triggers= is on the line of runas: start a new line before triggers=`,
  ],
  [`triggers=post.update\\n${PATH}\\n${WORKS}`, '/f:2: a line break is written as \\n: use a real line break there'],
  [
    `${PATH}\naction=cfn-init -v\n  --stack s1 -r Web`,
    '/f:3: hook [h]: a line of the action begins with --stack: end the previous line with a \\',
  ],
])('%j is a problem', (lines, problem) => {
  expect(found(lines)).toEqual({ problems: [problem], warnings: [] });
});

it.each<[lines: string, warning: string, stack?: string]>([
  [
    'path=Resources.Other.Metadata\naction=cfn-init -r Web',
    '/f:3: hook [h]: the path follows Other, and the action applies Web: an update of Web alone does not run the action: name the same resource in both',
  ],
  [
    `${PATH}\naction=cfn-init -r Web -c update,updat`,
    '/f:3: hook [h]: the action fails with the metadata of Web: no config set "updat": did you mean update?',
  ],
  [
    `${PATH}\naction=cfn-init -r Web`,
    '/f:3: hook [h]: the action fails with the metadata of Web: no config set "default": choose with -c from: update, broken',
  ],
  [
    `${PATH}\naction=cfn-init -r Web -c broken`,
    '/f:3: hook [h]: the action fails with the metadata of Web: no config "b": there are: a',
  ],
  [
    `${PATH}\n${WORKS}`,
    '/f:3: hook [h]: the action applies the stack s1, and cfn-hup.conf follows s2: name the same stack in both',
    's2',
  ],
  [
    `${PATH}\naction=cfn-init -c update -r Web -s ${arn('s1')}`,
    `/f:3: hook [h]: the action applies the stack ${arn('s1')}, and cfn-hup.conf follows ${arn('s1', '2')}: name the same stack in both`,
    arn('s1', '2'),
  ],
])('%j is worth a warning', (lines, warning, stack) => {
  expect(found(lines, stack)).toEqual({ problems: [], warnings: [warning] });
});

it.each<[lines: string, stack?: string]>([
  [`${PATH}\n${WORKS}\nrunas=root`],
  [`${PATH}\n${WORKS}`, arn('s1')],
  [`${PATH}\naction=cfn-init -r Web -c update -s ${arn('s1')}`],
  [`${PATH}\n${WORKS}`, 'ba14d706-9a70-46fb-af0b-c9a81b2a2425'],
  // Of another resource nothing is known.
  ['path=Resources.Other.Metadata\naction=cfn-init -r Other -c unknown'],
  [`${PATH}\naction=cfn-init -r "$RESOURCE" -c "$SETS" -s $STACK`],
  [`${PATH}\naction=cfn-init /srv/metadata.json`],
  [`${PATH}\naction=/srv/run path=/x action=restart runas=somebody\nrunas=root`],
  [`${PATH}\naction=/srv/run \\\n  --now\nrunas=root`],
  [`${PATH}\naction=printf "- a\\n- b" >/f`],
  [`${PATH}\naction=/srv/run\n  -x`],
  [`${PATH}\naction=printf "[main]\\nstack=s\\nurl=u\\n[x]" >/f`],
  [`${PATH}\naction=ansible-playbook play.yml -e runas=root`],
  ['x=1'],
])('%j is fine', (lines, stack) => {
  expect(found(lines, stack)).toEqual({ problems: [], warnings: [] });
});

/*
 * The pages of docs/reference/ that are made from the man pages: the format of metadata, and the commands. So the man pages on a guest
 * and the documentation have the same content.
 */
import { commands } from '../../src/commands/index.ts';
import { sectionsOf } from './man-markdown.ts';
import type { ManPage } from './man-source.ts';

/** @returns path in the project to text. */
export function referencePages(pages: readonly ManPage[]): ReadonlyMap<string, string> {
  return new Map([
    ['docs/reference/metadata.md', metadataPage(pages)],
    ['docs/reference/commands.md', commandsPage(pages)],
    ['docs/reference/cfn-hup.md', hupPage(pages)],
  ]);
}

/** The only command with a page of its own, because that is as long as those of all others together. */
const HUP = 'cfn-hup';

const madeFrom = (files: string): string =>
  `<!-- Made from ${files} by "npm run docs". Change it there, and run that again. -->`;

/** The anchor that a heading gets. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-');

function metadataPage(pages: readonly ManPage[]): string {
  const page = named(pages, 'cfn-metadata');
  const sections = sectionsOf(page, 3).filter(({ heading }) => heading !== 'Name' && heading !== 'See also');
  const [description, ...others] = sections;
  const contents = others.map(({ heading }) => `- [${heading}](#${anchorOf(heading)})`);
  return `${[
    madeFrom(`packaging/man/${page.file}`),
    '# The metadata format',
    'In a guest the same page is `man cfn-metadata`.',
    contents.join('\n'),
    description?.markdown,
    ...others.map(({ heading, markdown }) => `## ${heading}\n\n${markdown}`),
  ].join('\n\n')}\n`;
}

function commandsPage(pages: readonly ManPage[]): string {
  const described = commands.map(({ name }) => ({ name, ...describe(named(pages, name), '###') }));
  const rows = described.map(
    ({ name, purpose }) => `| [${name}](${name === HUP ? 'cfn-hup.md' : `#${name}`}) | ${purpose} |`,
  );
  return `${[
    madeFrom('packaging/man/ and the table of commands'),
    '# Commands',
    'In a guest the same pages are `man cfn-init` and so on. `COMMAND --help` shows the options.',
    ['| command | does |', '|---|---|', ...rows].join('\n'),
    ...described.filter(({ name }) => name !== HUP).map(({ name, text }) => `## ${name}\n\n${text}`),
  ].join('\n\n')}\n`;
}

function hupPage(pages: readonly ManPage[]): string {
  const page = named(pages, HUP);
  return `${[
    madeFrom(`packaging/man/${page.file} and the table of commands`),
    `# ${HUP}`,
    'In a guest the same page is `man cfn-hup`. The other commands are in [commands.md](commands.md).',
    describe(page, '##').text,
  ].join('\n\n')}\n`;
}

/** The text of a page below its heading. @param mark the heading mark of its sections */
function describe(page: ManPage, mark: string): { readonly purpose: string; readonly text: string } {
  const [title, synopsis, ...sections] = sectionsOf(page, mark.length + 1);
  const purpose = title?.markdown.replace(/^\S+ - /, '') ?? '';
  const usage = synopsis?.markdown.replace(/[`*\\]/g, '') ?? '';
  const texts = sections
    .filter(({ heading }) => heading !== 'See also')
    .map(({ heading, markdown }) => (heading === 'Description' ? markdown : `${mark} ${heading}\n\n${markdown}`));
  return { purpose, text: [`\`\`\`\n${usage}\n\`\`\``, ...texts].join('\n\n') };
}

function named(pages: readonly ManPage[], name: string): ManPage {
  const page = pages.find((candidate) => candidate.name === name);
  if (page === undefined) throw new Error(`no page in packaging/man for ${name}`);
  return page;
}

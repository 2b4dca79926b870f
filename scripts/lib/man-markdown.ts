/*
 * Turns a man page of packaging/man/ into Markdown. It knows the macros that our pages use and throws an error at any other, so nothing
 * is left out silently.
 */
import type { ManPage } from './man-source.ts';

const WIDTH = 120;

/** The Markdown form of each of our pages, relative to docs/reference/. */
const PLACES: Readonly<Record<string, string>> = {
  'cfn-metadata(5)': 'metadata.md',
  'cfn-hup.conf(5)': 'configuration.md',
  'cfn-hup(8)': 'cfn-hup.md',
};

/** Headings that are not just words in capitals. */
const HEADINGS: Readonly<Record<string, string>> = {
  'AWS::CLOUDFORMATION::AUTHENTICATION': 'AWS::CloudFormation::Authentication',
};

/** A section of a man page: its heading in sentence case, and its text as Markdown. */
export interface Section {
  readonly heading: string;
  readonly markdown: string;
}

/** @returns the sections of a page, in order. `level` is how many `#` a subsection (.SS) gets. */
export function sectionsOf({ file, text }: ManPage, level: number): readonly Section[] {
  return text
    .split(/^\.SH /m)
    .slice(1)
    .map((section) => {
      const [heading = '', ...lines] = section.split('\n');
      return { heading: readable(heading), markdown: new Writer(file, level).write(lines) };
    });
}

function readable(heading: string): string {
  if (/[a-z]/.test(heading)) return heading.charAt(0) + heading.slice(1).toLowerCase();
  return HEADINGS[heading] ?? heading.charAt(0) + heading.slice(1).toLowerCase();
}

class Writer {
  private readonly blocks: { readonly text: string; readonly isItem: boolean }[] = [];
  private words: string[] = [];
  /** The nesting of lists: the text after a .TP belongs to its item. */
  private depth = 0;
  private tag: string | undefined;
  private awaitsTag = false;
  private example: string[] | undefined;

  /** The depth outside of each .RS. */
  private readonly nested: number[] = [];
  private readonly file: string;
  private readonly level: number;

  constructor(file: string, level: number) {
    this.file = file;
    this.level = level;
  }

  write(lines: readonly string[]): string {
    for (const line of lines) this.take(line);
    this.flush();
    return this.blocks
      .map(({ text, isItem }, index) => {
        const isNextItem = isItem && this.blocks[index - 1]?.isItem === true;
        return `${index === 0 ? '' : isNextItem ? '\n' : '\n\n'}${text}`;
      })
      .join('');
  }

  private take(line: string): void {
    if (this.example !== undefined && line !== '.EE') {
      this.example.push(characters(line));
      return;
    }
    const [, macro, rest = ''] = /^\.(\\"|[A-Za-z]+) ?(.*)$/.exec(line) ?? [];
    switch (macro) {
      case '\\"':
      case 'nh':
      case 'ad':
      case 'hy':
        return;
      case 'SS':
        this.flush();
        this.depth = 0;
        this.add(`${'#'.repeat(this.level)} ${characters(rest)}`);
        return;
      case 'PP':
        this.flush();
        this.depth = this.nested.at(-1) ?? 0;
        return;
      case 'IP':
        this.flush();
        return;
      case 'TP':
        this.flush();
        this.depth = this.nested.at(-1) ?? 0;
        this.awaitsTag = true;
        return;
      case 'RS':
        this.flush();
        this.nested.push(this.depth);
        return;
      case 'RE':
        this.flush();
        this.depth = this.nested.pop() ?? 0;
        return;
      case 'EX':
        this.flush();
        this.example = [];
        return;
      case 'EE':
        this.endExample();
        return;
      case 'br':
        this.flush();
        return;
      default:
        if (line !== '') this.text(inline(this.file, macro, macro === undefined ? line : rest));
    }
  }

  private text(text: string): void {
    if (!this.awaitsTag) {
      this.words.push(...text.split(' '));
      return;
    }
    this.awaitsTag = false;
    this.tag = text;
    this.depth += 1;
  }

  private flush(): void {
    const isItem = this.tag !== undefined;
    const words = isItem ? [`${this.tag}:`, ...this.words] : this.words;
    this.tag = undefined;
    this.words = [];
    if (words.length === 0) return;
    const outer = '  '.repeat(Math.max(0, this.depth - 1));
    const inner = this.depth > 0 ? `${outer}  ` : '';
    const lines = wrap(words.join(' ').split(' '), WIDTH - inner.length);
    this.add(lines.map((line, index) => (index === 0 && isItem ? `${outer}- ` : inner) + line).join('\n'), isItem);
  }

  private add(text: string, isItem = false): void {
    this.blocks.push({ text, isItem });
  }

  private endExample(): void {
    const lines = this.example ?? [];
    this.example = undefined;
    const language = lines[0]?.startsWith('{') ? 'json' : lines[0]?.startsWith('[') ? 'ini' : '';
    const indent = '  '.repeat(this.depth);
    this.add([`\`\`\`${language}`, ...lines, '```'].map((line) => indent + line).join('\n'));
  }
}

/** A line of text, or the words of a font macro. */
function inline(file: string, macro: string | undefined, rest: string): string {
  if (macro === undefined) return escaped(rest);
  const fonts = /^(?:B|I|BR|RB|IR|RI|BI|IB)$/.test(macro) ? [...macro] : undefined;
  if (fonts === undefined) throw new Error(`packaging/man/${file}: no Markdown for .${macro}`);
  const words = [...rest.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '');
  const all = characters(words.join(fonts.length === 1 ? ' ' : ''));
  const page = /^([\w.-]+)(\(\d\))(.*)$/.exec(all);
  if (macro === 'BR' && page !== null) return `${link(page[1] ?? '', page[2] ?? '')}${escaped(page[3] ?? '')}`;
  // The form of a document: {name: {...}}.
  if (all.startsWith('{')) return `\`${all.replace(/[.,]$/, '')}\`${/[.,]$/.exec(all)?.[0] ?? ''}`;
  if (fonts.length === 1) return inFont(fonts[0] ?? '', all);
  return words.map((word, index) => inFont(fonts[index % 2] ?? '', characters(word))).join('');
}

function link(name: string, section: string): string {
  const title = `${name}${section}`;
  const place = PLACES[title] ?? (/^cfn-|^cfntools$/.test(name) ? `commands.md#${name}` : undefined);
  return place === undefined ? title : `[${title}](${place})`;
}

function inFont(font: string, text: string): string {
  if (font === 'R' || text.trim() === '') return escaped(text);
  const [, before = '', inside = '', after = ''] = /^(\s*)(.*?)(\s*)$/.exec(text) ?? [];
  const isName = font === 'B' || /[/_.=]/.test(inside);
  return `${before}${isName ? `\`${inside}\`` : `*${escaped(inside)}*`}${after}`;
}

/** troff's escapes as the characters that they print. */
function characters(text: string): string {
  return text
    .replace(/\\f[BIRP]/g, '')
    .replaceAll('\\-', '-')
    .replaceAll('\\(aq', "'")
    .replaceAll('\\(lq', '"')
    .replaceAll('\\(rq', '"')
    .replaceAll('\\&', '')
    .replaceAll('\\e', '\\');
}

/** Plain text: characters that are markup in Markdown are escaped. Font escapes in the line (options) become code and emphasis. */
function escaped(text: string): string {
  return text
    .split(/(\\f[BI].*?\\f[RP])/)
    .map((part) => {
      const [, font = '', inside = ''] = /^\\f([BI])(.*)\\f[RP]$/.exec(part) ?? [];
      return font === '' ? withoutMarkup(characters(part)) : inFont(font, characters(inside));
    })
    .join('');
}

function withoutMarkup(text: string): string {
  return text.replace(/[\\`*<]|(?<!\w)_|_(?!\w)|](?=\()/g, '\\$&');
}

/** Lines of at most so many characters. None begins like a list or a heading in Markdown. */
function wrap(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    const isMarkup = /^(?:[-+#>]|\d+[.)])/.test(word);
    if (line !== '' && line.length + 1 + word.length > width && !isMarkup) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}

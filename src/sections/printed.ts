import { isInPrivateKey } from '../secrets/forms.ts';
import type { LinesListener } from '../system/programs/output.ts';
import type { World } from './step.ts';

/** Characters of what one program prints that go to the log as they come. */
const MOST_LOGGED = 1024 * 1024;
/** Characters of its end that are logged as well, where it prints more than that. */
const MOST_AT_END = 16 * 1024;

/** What a terminal would write over: all before a carriage return. One before a colon belongs to a name (`a\r: not found`). */
const WRITTEN_OVER = /^[\s\S]*\r(?!['\u2019"]?:)/;

/** What a program prints, on its way to the log. */
export interface Printed {
  readonly onLines: LinesListener;
  /** Logs the end, where there was too much for all of it. @param output all that it printed, or the end of that */
  end(output: string): void;
}

/**
 * Sends to the log what a program prints, line by line while it runs, so that one that hangs has said why. The log takes the secrets
 * out of each line, but a private key takes several: its lines are left out here.
 * @param name of the program or the command, before its lines
 */
export function logPrinted(name: string, { log, onPrinted }: Pick<World, 'log' | 'onPrinted'>): Printed {
  const inKey: boolean[] = [];
  let logged = 0;
  const isTooMuch = (): boolean => logged > MOST_LOGGED;
  return {
    onLines(lines, stream) {
      const shown = lines.filter((line) => {
        const wasInKey = inKey[stream] === true;
        inKey[stream] = isInPrivateKey(line, wasInKey);
        return !wasInKey || !inKey[stream];
      });
      const text = shown.map((line) => line.replace(WRITTEN_OVER, '').replaceAll('\r', '\\r')).join('\n');
      if (text.trim() === '') return true;
      logged += text.length;
      onPrinted?.();
      log.debug(`${name}: ${text}`);
      if (isTooMuch()) log.debug(`${name} prints very much: the rest is left out, but for its end`);
      return !isTooMuch();
    },
    end(output) {
      if (isTooMuch()) log.debug(`${name} printed last\n${output.slice(-MOST_AT_END).trimEnd()}`);
    },
  };
}

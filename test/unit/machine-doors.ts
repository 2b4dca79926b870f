import { hostname } from 'node:os';
import { absolutePath } from '../../src/system/files/path.ts';
import { createLocks } from '../../src/system/lock.ts';
import { createExec } from '../../src/system/programs/door.ts';
import type { System } from '../../src/system/system.ts';

/** The doors of a System that tests of its other doors do not use: real locks, nobody who sends signals or wants to be told. */
export function machineDoors(): Pick<
  System,
  'locks' | 'signals' | 'openNotifier' | 'startDetached' | 'hostname' | 'absolutePath'
> {
  const nothing = (): never => {
    throw new Error('not expected');
  };
  return {
    locks: createLocks(createExec({ PATH: process.env['PATH'] })),
    signals: {
      on: () => () => undefined,
      send: nothing,
      during: () => undefined,
      underWay: () => '',
      abortRun: () => undefined,
      close: () => undefined,
    },
    openNotifier: nothing,
    startDetached: nothing,
    hostname,
    absolutePath,
  };
}

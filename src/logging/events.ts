import type { Level } from '../log.ts';
import type { Tone } from './screen.ts';

/**
 * What an entry of the journal is about, as MESSAGE_ID (systemd.journal-fields(7)): `journalctl MESSAGE_ID=...` finds all of
 * a kind. They are part of the interface: a kind keeps its id forever, whatever its text says.
 */
export const MESSAGE_IDS = {
  /** cfn-init begins to apply its steps; the daemon begins to follow a stack. */
  runBegun: '9b0d71c67425446fbd101b9b056001bc',
  /** A command is done or has failed: CFN_EXIT_CODE. One that only looks, or has signalled, says this of a failure only. */
  runEnded: '71d9e0551f134a71bb94d3e9dbe88ab3',
  /** A step has begun, and has not ended within a second. */
  stepBegun: 'a74bca09bc71250b7467b74f8d5ccd86',
  /** A step goes on: each minute. */
  stepLasts: '70a23fe51bc93461eb4525707c9c7264',
  /** A step has changed the machine. */
  stepDone: 'ec2e1d49da3246409021f78175ac0d1f',
  stepFailed: '9f0267ee038a46ac87b2d833ff0b9a85',
  /** A wait condition, or a resource, has accepted a signal: CFN_STATE is its status. */
  signalSent: '22179aac10af4f149bc1e712b396b30e',
  actionBegun: '15e2ee7a11884ae4a2619cd8a51eb0dd',
  actionDone: 'f7d0642519d940e39b9b234dbecfdb21',
  actionFailed: '1153afc2b0094d2a89011a519c3d5171',
  /** The action of a hook has failed too often: it is not run again until what it looks at changes. */
  hookParked: '0488c1bec0aa4f38919b3b324ab1ea89',
  /** Metadata that others could read was closed to them. */
  metadataClosed: 'aef12c98647c456980fbefdb906c6f7f',
} as const;

export type EventName = keyof typeof MESSAGE_IDS;

/** What a line of the log is about, as data. */
export interface About {
  /** Makes the line worth an entry of the journal, whatever its level. */
  readonly event?: EventName | undefined;
  /** In the journal, where the line is graver than its level says on a terminal. */
  readonly severity?: Level | undefined;
  /** Its colour on a terminal. */
  readonly tone?: Tone | undefined;
  /** Why, where the line leaves that to a later one: an entry of the journal may be read alone. */
  readonly reason?: string | undefined;
  /** CFN_STATE. */
  readonly state?: string | undefined;
  /** CFN_SECTION, CFN_CONFIG, and the name of the entry in it: CFN_STEP is `files /etc/motd`. */
  readonly section?: string | undefined;
  readonly config?: string | undefined;
  readonly entry?: string | undefined;
  /** CFN_HOOK, CFN_STACK, CFN_RESOURCE. */
  readonly hook?: string | undefined;
  readonly stack?: string | undefined;
  readonly resource?: string | undefined;
  /** CFN_EXIT_CODE. */
  readonly exitCode?: number | undefined;
}

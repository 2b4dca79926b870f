import type { ConfigDocument } from './cfn-init.ts';
import type { Machine } from './sandbox.ts';

export const UNITS = '/etc/systemd/system';

/** An entry of `files` with a service: lines of its [Service], and of further sections. */
export function service(lines: string, more = ''): ConfigDocument {
  return { content: `[Service]\n${lines}\n${more}` };
}

/** A service that runs until it is stopped, and can be enabled. */
export const RUNS = service('ExecStart=/bin/sleep 300', '[Install]\nWantedBy=multi-user.target\n');

/** One property of a unit, as systemd has it. */
export async function property(machine: Machine, name: string, unit: string): Promise<string> {
  return (await machine.run(['systemctl', 'show', `--property=${name}`, '--value', unit])).stdout.trim();
}

/** As in `enabled active`. */
export async function stateOf(machine: Machine, unit: string): Promise<string> {
  return `${await property(machine, 'UnitFileState', unit)} ${await property(machine, 'ActiveState', unit)}`;
}

/** Seconds for which started services are watched. */
export async function watchFor(machine: Machine, seconds: number): Promise<void> {
  await machine.run(`mkdir -p /etc/cfn; echo 'service-watch = ${seconds}' >/etc/cfn/cfntools.conf`);
}

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, inject } from 'vitest';
import { BUILD_TIMEOUT, ensureGuest } from '../image/use-images.ts';
import { project } from '../support/binary.ts';
import { rigFile, wantRig } from '../support/held-rig.ts';
import { type Ended, run } from '../support/process.ts';
import { prepareMachine } from '../support/second-attempt.ts';

/** For both attempts. */
const UP_TIMEOUT = 30 * 60_000;
const COMMAND_TIMEOUT = 180_000;
const STACK_TIMEOUT = 20 * 60_000;

/** What openstack-up leaves for those who want to use it. */
interface Left {
  readonly network: string;
  readonly flavor: string;
  readonly seconds: number;
}

/** What `openstack stack show` shows. */
export interface Stack {
  readonly status: string;
  readonly reason: string;
  readonly outputs: Readonly<Record<string, string>>;
}

/** The side of a person who uses an OpenStack: the openstack command, and image-build/upload. */
export class OpenStack {
  readonly left: Left;
  readonly #directory: string;

  constructor(directory: string, left: Left) {
    this.#directory = directory;
    this.left = left;
  }

  /** Runs a program where the services are. */
  enter(command: readonly string[], timeout = COMMAND_TIMEOUT): Promise<Ended> {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: this.#directory, LANG: 'C.UTF-8' };
    return run([join(this.#directory, 'enter'), ...command], { env, timeout });
  }

  /** @returns what the openstack command prints. @throws Error when it fails */
  async ask(...args: readonly string[]): Promise<string> {
    return succeed(await this.enter(['openstack', ...args]));
  }

  /** Brings an image to Glance as image-build/README.md says. */
  async upload(image: string, name: string, properties: readonly string[] = []): Promise<void> {
    const more = properties.flatMap((property) => ['--property', property]);
    succeed(await this.enter([join(project, 'image-build/upload'), image, '--run', '--name', name, '--', ...more]));
  }

  /** Runs `openstack stack create --wait`, whatever becomes of the stack, and prints how long it took. */
  create(name: string, template: string, parameters: Readonly<Record<string, string>>): Promise<Stack> {
    return this.#change('create', name, template, parameters);
  }

  /** The same for `stack update`; parameters that are not given stay. */
  update(name: string, template: string, parameters: Readonly<Record<string, string>>): Promise<Stack> {
    return this.#change('update', name, template, parameters);
  }

  async show(name: string): Promise<Stack> {
    const shown = JSON.parse(await this.ask('stack', 'show', name, '--format', 'json')) as {
      stack_status: string;
      stack_status_reason: string;
      outputs: { output_key: string; output_value: string }[];
    };
    return {
      status: shown.stack_status,
      reason: shown.stack_status_reason,
      outputs: Object.fromEntries(shown.outputs.map(({ output_key: key, output_value: value }) => [key, value])),
    };
  }

  /** What a guest has printed to its console until now. */
  console(server: string): string {
    const file = join(this.#directory, 'state/nova/instances', server, 'console.log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  async #change(
    how: 'create' | 'update',
    name: string,
    template: string,
    parameters: Readonly<Record<string, string>>,
  ): Promise<Stack> {
    const given = Object.entries(parameters).flatMap(([key, value]) => ['--parameter', `${key}=${value}`]);
    const options = ['--wait', '--template', template, ...(how === 'update' ? ['--existing'] : []), ...given];
    const change = (): Promise<Ended> => this.enter(['openstack', 'stack', how, ...options, name], STACK_TIMEOUT);
    let ended = await change();
    if (how === 'create' && ended.stderr.includes(`(${name}) already exists`)) {
      // Of the first attempt of a test.
      await this.ask('stack', 'delete', '--yes', '--wait', name);
      ended = await change();
    }
    const { stdout, stderr, milliseconds } = ended;
    const stack = await this.show(name).catch((error: unknown) => {
      throw new Error(`${error}\n${stdout}${stderr}`);
    });
    console.log(`${(milliseconds / 1000).toFixed(1)} s  openstack stack ${how} --wait ${name}: ${stack.status}`);
    if (!stack.status.endsWith('_COMPLETE')) console.log(this.#traces(stack));
    return stack;
  }

  /** What a failure in an automatic run can be understood by: nothing else is left of the guest afterwards. */
  #traces(stack: Stack): string {
    const log = readFileSync(join(this.#directory, 'log/nova-compute.log'), 'utf8').split('\n');
    const faults = log.filter((line) => / (ERROR|CRITICAL) /.test(line)).slice(-10);
    const said = this.console(stack.outputs['server'] ?? '')
      .split('\n')
      .slice(-40);
    return [stack.reason, ...faults, ...said].join('\n');
  }
}

/**
 * Call it at the top of a test file. The image is built meanwhile.
 * @returns what gives the OpenStack and the image, within tests and hooks that come later
 */
export function useOpenStack(): () => { readonly cloud: OpenStack; readonly image: string } {
  const rig = inject('openstack');
  const directory = inject('images');
  const image = join(directory, 'guest.qcow2');
  let cloud: OpenStack | undefined;
  prepareMachine(async (note) => {
    if (!('directory' in rig)) return;
    wantRig(rig.directory);
    await ensureGuest(directory);
    const left = (await rigFile('openstack', rig.directory, UP_TIMEOUT, note)) as Left;
    console.log(`${left.seconds} s  scripts/lib/openstack-up, from installed packages to a host for guests`);
    cloud = new OpenStack(join(rig.directory, 'openstack'), left);
  }, BUILD_TIMEOUT + UP_TIMEOUT);
  beforeEach((context) => {
    if ('reasonAgainst' in rig) context.skip(rig.reasonAgainst);
  });
  return () => {
    if (cloud === undefined) throw new Error('OpenStack is there within tests only');
    return { cloud, image };
  };
}

function succeed({ code, stdout, stderr }: Ended): string {
  if (code !== 0) throw new Error(`exit code ${code}: ${stdout.slice(-1000)}${stderr.slice(-3000)}`);
  return stdout;
}

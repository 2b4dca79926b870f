import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RigAddresses } from './rig.ts';

/** A template in the form of JSON. */
export type Template = Readonly<Record<string, unknown>>;

export interface Keys {
  readonly access: string;
  readonly secret: string;
}

export interface StackReference {
  readonly name: string;
  readonly id: string;
}

/** What `openstack stack show` shows. */
export interface StackState {
  readonly status: string;
  readonly reason: string;
  readonly outputs: Readonly<Record<string, unknown>>;
}

const WAIT = 90_000;
const EXCHANGE = 30_000;

/** The side of the person who owns the stacks: makes, looks at and deletes them through the API of heat. */
export class Cloud {
  readonly addresses: RigAddresses;
  readonly #token: string;
  readonly #project: string;
  readonly #user: string;

  private constructor(addresses: RigAddresses, token: string, project: string, user: string) {
    this.addresses = addresses;
    this.#token = token;
    this.#project = project;
    this.#user = user;
  }

  static async connect(addresses: RigAddresses): Promise<Cloud> {
    const domain = { name: 'Default' };
    const auth = {
      identity: {
        methods: ['password'],
        password: { user: { name: addresses.user, password: addresses.password, domain } },
      },
      scope: { project: { name: addresses.project, domain } },
    };
    const { headers, body } = await exchange('POST', `${addresses.keystone}/auth/tokens`, { auth });
    const { token } = body as { token: { project: { id: string }; user: { id: string } } };
    return new Cloud(addresses, headers.get('X-Subject-Token') ?? '', token.project.id, token.user.id);
  }

  async createStack(template: Template, parameters: Template = {}): Promise<StackReference> {
    const name = `s${randomBytes(4).toString('hex')}`;
    const { body } = await this.#heat('POST', 'stacks', { stack_name: name, template, parameters, timeout_mins: 5 });
    return { name, id: (body as { stack: { id: string } }).stack.id };
  }

  /** The name of a stack for CloudFormation, as heat makes it. */
  arn({ name, id }: StackReference): string {
    return `arn:openstack:heat::${this.#project}:stacks/${name}/${id}`;
  }

  async updateStack(stack: StackReference, template: Template): Promise<void> {
    await this.#heat('PUT', `stacks/${stack.name}/${stack.id}`, { template, timeout_mins: 5 });
    await this.until(stack, ({ status }) => status === 'UPDATE_COMPLETE');
  }

  /** Deletes a stack and waits until it is gone. */
  async deleteStack(stack: StackReference): Promise<void> {
    await this.#heat('DELETE', `stacks/${stack.name}/${stack.id}`);
    await this.until(stack, ({ status }) => status === 'DELETE_COMPLETE');
  }

  async show(stack: StackReference): Promise<StackState> {
    const { body } = await this.#heat('GET', `stacks/${stack.name}/${stack.id}`);
    const shown = (body as { stack: Record<string, unknown> }).stack;
    const outputs = (shown['outputs'] ?? []) as { output_key: string; output_value: unknown }[];
    return {
      status: String(shown['stack_status']),
      reason: String(shown['stack_status_reason']),
      outputs: Object.fromEntries(outputs.map(({ output_key: key, output_value: value }) => [key, value])),
    };
  }

  /** The metadata of a resource by heat's own API, as heat hands it to cloud-init for a server that it boots. */
  async metadataOf(stack: StackReference, resource: string): Promise<unknown> {
    const { body } = await this.#heat('GET', `stacks/${stack.name}/${stack.id}/resources/${resource}/metadata`);
    return (body as { metadata: unknown }).metadata;
  }

  /** Waits until a stack is as wanted. @throws Error with its state when that takes too long */
  async until(stack: StackReference, isReached: (state: StackState) => boolean): Promise<StackState> {
    const begin = performance.now();
    for (;;) {
      const state = await this.show(stack);
      if (isReached(state)) return state;
      if (performance.now() - begin > WAIT)
        throw new Error(`stack ${stack.name} after ${WAIT / 1000} s: ${JSON.stringify(state)}`);
      await sleep(250);
    }
  }

  /** Waits until a stack is neither being made nor changed. */
  untilSettled(stack: StackReference): Promise<StackState> {
    return this.until(stack, ({ status }) => !status.endsWith('_IN_PROGRESS'));
  }

  /** Makes a stack, and waits until all of it is there but what waits for signals. */
  async createUpToWaiting(template: Template): Promise<StackReference & Pick<StackState, 'outputs'>> {
    const stack = await this.createStack(template);
    const begin = performance.now();
    for (;;) {
      const { body } = await this.#heat('GET', `stacks/${stack.name}/${stack.id}/resources`);
      const { resources } = body as { resources: { resource_type: string; resource_status: string }[] };
      const made = resources.filter(({ resource_type: type }) => !/::WaitCondition$|Deployment$/.test(type));
      if (made.length > 0 && made.every(({ resource_status: status }) => status === 'CREATE_COMPLETE')) break;
      if (performance.now() - begin > WAIT) throw new Error(`stack ${stack.name}: ${JSON.stringify(resources)}`);
      await sleep(250);
    }
    // The values of a resource are known to the stack a moment after its status.
    const { outputs } = await this.until(stack, (state) => areKnown(state.outputs));
    return { ...stack, outputs };
  }

  /** Gives the owner of the stacks an access key with a secret of our choice. */
  async makeKeys(secret: string): Promise<Keys> {
    const access = randomBytes(16).toString('hex');
    const credential = {
      type: 'ec2',
      blob: JSON.stringify({ access, secret }),
      project_id: this.#project,
      user_id: this.#user,
    };
    const { body } = await exchange('POST', `${this.addresses.keystone}/credentials`, { credential }, this.#token);
    const { id } = (body as { credential: { id: string } }).credential;
    if (id !== createHash('sha256').update(access).digest('hex')) throw new Error(`an unexpected credential: ${id}`);
    return { access, secret };
  }

  /** Gives the owner of the stacks an application credential. */
  async makeApplicationCredential(): Promise<{ readonly id: string; readonly secret: string }> {
    const wanted = { application_credential: { name: randomBytes(8).toString('hex') } };
    const url = `${this.addresses.keystone}/users/${this.#user}/application_credentials`;
    const { body } = await exchange('POST', url, wanted, this.#token);
    const { id, secret } = (body as { application_credential: { id: string; secret: string } }).application_credential;
    return { id, secret };
  }

  #heat(method: string, path: string, body?: unknown): Promise<{ headers: Headers; body: unknown }> {
    return exchange(method, `${this.addresses.api}/${this.#project}/${path}`, body, this.#token);
  }
}

/** Whether the outputs have values, but for those that come with a signal. */
function areKnown(outputs: StackState['outputs']): boolean {
  return Object.entries(outputs).every(
    ([name, value]) => name === 'data' || name === 'stdout' || ![undefined, null, '', 'None'].includes(value as string),
  );
}

async function exchange(
  method: string,
  url: string,
  body: unknown,
  token?: string,
): Promise<{ headers: Headers; body: unknown }> {
  const response = await fetch(url, {
    method,
    headers: { 'Content-Type': 'application/json', ...(token === undefined ? {} : { 'X-Auth-Token': token }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(EXCHANGE),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text.slice(0, 1000)}`);
  // An update is answered with a page of HTML that says no more than its 202.
  const isJson = response.headers.get('Content-Type')?.startsWith('application/json') === true;
  return { headers: response.headers, body: isJson ? JSON.parse(text) : undefined };
}

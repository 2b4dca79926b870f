import type { CommandSpec, OptionSpec } from './command.ts';

const STACK: OptionSpec = { flags: '-s, --stack <name>', description: 'name or id of the stack' };
const RESOURCE: OptionSpec = {
  flags: '-r, --resource <id>',
  description: 'logical id of the resource that holds the metadata',
};
const VERBOSE: OptionSpec = { flags: '-v, --verbose', description: 'show details on stderr' };
const API: readonly OptionSpec[] = [
  { flags: '--region <name>', description: 'region of the stack' },
  { flags: '--access-key <key>', description: 'access key for heat-api-cfn' },
  { flags: '--secret-key <key>', description: 'secret key for heat-api-cfn' },
];
const CREDENTIAL_FILE: OptionSpec = {
  flags: '-f, --credential-file <path>',
  description: 'file with AWSAccessKeyId= and AWSSecretKey=, an openrc file, or the credentials that Heat provides',
};
const STRICT: OptionSpec = {
  flags: '--strict',
  description: 'refuse a credential file that others can read, own or replace',
  addition: true,
};
const URL_OPTION: OptionSpec = { flags: '-u, --url <url>', description: 'base URL of heat-api-cfn' };
const ROLE: OptionSpec = { flags: '--role <name>', description: 'take credentials from this instance role' };
const PROXIES: readonly OptionSpec[] = [
  { flags: '--http-proxy <url>', description: 'proxy for http: http://, https://, socks5:// or socks5h://' },
  { flags: '--https-proxy <url>', description: 'proxy for https; see --http-proxy' },
];

/** Every command of the binary. Dispatch, links, help, man pages and completion are made from this table. */
export const commands: readonly CommandSpec[] = [
  {
    name: 'cfn-init',
    summary: 'Apply AWS::CloudFormation::Init metadata to this machine.',
    operand: {
      syntax: '[file]',
      description: 'file with metadata as JSON, or - for stdin (default: look up the metadata)',
    },
    options: [
      STACK,
      RESOURCE,
      ...API,
      CREDENTIAL_FILE,
      URL_OPTION,
      {
        flags: '-c, --configsets <names>',
        description: 'config sets to apply, separated by commas (default: "default")',
        repeatable: true,
      },
      ROLE,
      VERBOSE,
      ...PROXIES,
      { flags: '--resume', description: 'continue an interrupted run (at present it starts over)', addition: true },
      {
        flags: '--root <directory>',
        description: 'apply files, sources, users and groups to this directory; run nothing',
        addition: true,
      },
      {
        ...STRICT,
        description: 'refuse a document with warnings, and a credential file that others can read, own or replace',
      },
      { flags: '--compat <style>', description: '"heat": only warn where heat-cfntools only warned', addition: true },
    ],
    load: () => import('./cfn-init.ts'),
  },
  {
    name: 'cfn-signal',
    summary: 'Signal a wait condition.',
    operand: {
      syntax: '[url]',
      description: 'URL or JSON of the wait condition handle; @FILE reads it from a file, - from stdin',
    },
    options: [
      { flags: '-s, --success <boolean>', description: 'true for success, anything else for failure (default: true)' },
      { flags: '-e, --exit-code <number>', description: 'exit code of a process: 0 means success; overrides -s' },
      { flags: '--exit <number>', description: 'deprecated, use --exit-code' },
      {
        flags: '-r, --reason <text>',
        description: 'reason that the stack shows (default for a failure: the last error of cfn-init)',
      },
      { flags: '-d, --data <text>', description: 'data to pass to the stack' },
      { flags: '-i, --id <id>', description: 'unique id of this signal (default: the instance id)' },
      { flags: '-k, --insecure', description: 'accept any TLS certificate' },
      { flags: '--stack <name>', description: 'stack of the resource to signal (CloudFormation)' },
      { flags: '--resource <id>', description: 'logical id of the resource to signal (CloudFormation)' },
      ...API,
      CREDENTIAL_FILE,
      URL_OPTION,
      ROLE,
      ...PROXIES,
      VERBOSE,
      {
        flags: '--token <token>',
        description: 'token of an OS::Heat::WaitConditionHandle, whose endpoint is the URL',
        addition: true,
      },
      {
        flags: '--timeout <seconds>',
        description: 'give up after this time, with exit code 75 (default: 10 minutes, exit code 1)',
        addition: true,
      },
    ],
    load: () => import('./cfn-signal.ts'),
  },
  {
    name: 'cfn-hup',
    summary: "Follow a stack's metadata and run hooks when it changes.",
    options: [
      { flags: '-c, --config <path>', description: 'cfn-hup.conf, its directory, or a directory of hooks' },
      { flags: '-f, --once', description: 'make one pass and exit', addition: true },
      {
        flags: '--no-daemon',
        description: 'follow changes in the foreground if a supervisor started it, else act as -f',
      },
      { flags: '--daemon', description: 'follow changes in the foreground', addition: true },
      {
        flags: '--check',
        description: 'check the configuration, and list what each hook does',
        addition: true,
      },
      {
        flags: '--status',
        description: 'show who follows changes, the last answer of Heat, and the state of each hook',
        addition: true,
      },
      VERBOSE,
    ],
    isQuiet: true,
    load: () => import('./cfn-hup.ts'),
  },
  {
    name: 'cfn-get-metadata',
    summary: 'Print the metadata of a resource.',
    options: [
      STACK,
      RESOURCE,
      ...API,
      CREDENTIAL_FILE,
      URL_OPTION,
      ...[ROLE, ...PROXIES].map((option) => ({ ...option, addition: true as const })),
      { flags: '-k, --key <keys>', description: "print the value at this key, as in foo.'bar.1'.baz" },
      { flags: '--raw', description: 'print a text value without quotes', addition: true },
      STRICT,
      VERBOSE,
    ],
    load: () => import('./cfn-get-metadata.ts'),
  },
  {
    name: 'cfn-create-aws-symlinks',
    summary: 'Link the commands into the directory where CloudFormation templates expect them.',
    options: [
      {
        flags: '-t, --target <directory>',
        description: 'directory of the links, such as /usr/local/bin (default: /opt/aws/bin)',
      },
      { flags: '-s, --source <directory>', description: 'directory of the commands (default: /usr/bin)' },
      { flags: '-f, --force', description: 'replace existing files' },
    ],
    load: () => import('./cfn-create-aws-symlinks.ts'),
  },
  {
    name: 'cfn-push-stats',
    summary: 'Does nothing: Heat no longer has CloudWatch. Kept for old crontabs.',
    options: [],
    takesAnything: true,
    load: () => import('./cfn-push-stats.ts'),
  },
];

import type { Template } from './cloud.ts';

const template = (resources: Template, outputs: Template): Template => ({
  heat_template_version: '2018-08-31',
  resources,
  outputs: Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, { value }])),
});

/** A wait condition of the AWS kind, which waits for signals to `url`. */
export function waitTemplate({ count = 1, timeout = 120 } = {}): Template {
  return template(
    {
      handle: { type: 'AWS::CloudFormation::WaitConditionHandle' },
      wait: {
        type: 'AWS::CloudFormation::WaitCondition',
        properties: { Handle: { get_resource: 'handle' }, Count: count, Timeout: timeout },
      },
    },
    { url: { get_resource: 'handle' }, data: { get_attr: ['wait', 'Data'] } },
  );
}

/** A wait condition of heat's own kind: signalled with a token, by a signed URL, by a user of its own, or through swift. */
export function nativeWaitTemplate(
  transport: 'TOKEN_SIGNAL' | 'CFN_SIGNAL' | 'HEAT_SIGNAL' | 'TEMP_URL_SIGNAL',
): Template {
  const outputs =
    transport === 'TOKEN_SIGNAL'
      ? { url: { get_attr: ['handle', 'endpoint'] }, token: { get_attr: ['handle', 'token'] } }
      : { signal: { get_attr: ['handle', 'signal'] } };
  return template(
    {
      handle: { type: 'OS::Heat::WaitConditionHandle', properties: { signal_transport: transport } },
      wait: {
        type: 'OS::Heat::WaitCondition',
        properties: { handle: { get_resource: 'handle' }, count: 1, timeout: 120 },
      },
    },
    { ...outputs, data: { get_attr: ['wait', 'data'] } },
  );
}

/** A wait condition whose handle has a user of its own, and beside it a handle with a signed URL. */
export function expiringTemplate(): Template {
  return template(
    {
      signed: { type: 'AWS::CloudFormation::WaitConditionHandle' },
      native: { type: 'OS::Heat::WaitConditionHandle', properties: { signal_transport: 'HEAT_SIGNAL' } },
      wait: {
        type: 'OS::Heat::WaitCondition',
        properties: { handle: { get_resource: 'native' }, count: 1, timeout: 240 },
      },
    },
    { url: { get_resource: 'signed' }, signal: { get_attr: ['native', 'signal'] } },
  );
}

/** A user as a stack makes it for its guests, with a key that may only do what heat's policy lets guests do. */
const guestUser: Template = {
  user: { type: 'AWS::IAM::User', properties: {} },
  keys: { type: 'AWS::IAM::AccessKey', properties: { UserName: { get_resource: 'user' } } },
};
/** The outputs that tell its key. */
const guestKeys: Template = { access: { get_resource: 'keys' }, secret: { get_attr: ['keys', 'SecretAccessKey'] } };

/** Such a user alone. */
export const userTemplate = template(guestUser, guestKeys);

/**
 * A server as far as it can be had without nova, with metadata, a user whose key may read it, and another resource.
 * A guest is given `access` and `secret`; `serverKeys` is what os-collect-config is given.
 */
export function guestTemplate(metadata: Template): Template {
  return template(
    {
      ...guestUser,
      server: {
        type: 'OS::Heat::DeployedServer',
        metadata,
        properties: { software_config_transport: 'POLL_SERVER_CFN' },
      },
      other: { type: 'OS::Heat::None', metadata: { text: 'of the other resource' } },
      bare: { type: 'OS::Heat::None' },
    },
    {
      ...guestKeys,
      serverKeys: { get_attr: ['server', 'os_collect_config', 'cfn'] },
    },
  );
}

/** A server whose guest gets a user of keystone, to read its metadata by heat's own API, and an access key besides. */
export function nativeGuestTemplate(metadata: Template): Template {
  return template(
    {
      ...guestUser,
      server: {
        type: 'OS::Heat::DeployedServer',
        metadata,
        properties: { software_config_transport: 'POLL_SERVER_HEAT' },
      },
    },
    { ...guestKeys, heat: { get_attr: ['server', 'os_collect_config', 'heat'] } },
  );
}

/** A server with a software deployment for heat-agents' hook "cfn-init". */
export function deploymentTemplate(init: Template): Template {
  return template(
    {
      server: { type: 'OS::Heat::DeployedServer', properties: { software_config_transport: 'POLL_SERVER_CFN' } },
      config: { type: 'OS::Heat::StructuredConfig', properties: { group: 'cfn-init', config: init } },
      deployment: {
        type: 'OS::Heat::StructuredDeployment',
        properties: {
          config: { get_resource: 'config' },
          server: { get_resource: 'server' },
          signal_transport: 'CFN_SIGNAL',
        },
      },
    },
    {
      serverKeys: { get_attr: ['server', 'os_collect_config', 'cfn'] },
      stdout: { get_attr: ['deployment', 'deploy_stdout'] },
    },
  );
}

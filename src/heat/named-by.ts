/** What a command calls each thing about Heat, for messages that say where it comes from and what to change. */
export interface NamedBy {
  /** Who is asked, or gets the signal. */
  readonly api: string;
  readonly url: string;
  readonly region: string;
  /** What names the stack and the resource. */
  readonly target: string;
  /** Where credentials are given; undefined where a call without any is usual and needs no advice. */
  readonly credentials: string | undefined;
  /** What to do about a role that is not there. */
  readonly insteadOfRole: string;
  /** What helps against a policy that forbids guests to ask, where the operator of the cloud does not change it. */
  readonly withoutOperator: string;
}

/** The commands that have options for it. */
export const BY_OPTIONS: NamedBy = {
  api: 'heat-api-cfn',
  url: '--url',
  region: '--region',
  target: '--stack and --resource',
  credentials: undefined,
  insteadOfRole: 'attach one, or give --credential-file',
  withoutOperator: '',
};

/** cfn-signal with --stack and --resource: Heat has no such call, so CloudFormation is meant. */
export const FOR_SIGNALS: NamedBy = {
  ...BY_OPTIONS,
  api: 'CloudFormation',
  credentials: '--role with the role of the instance (AWS), or -f, and --url; or the URL of a WaitConditionHandle',
};

/** cfn-hup, whose options name no stack. */
export const BY_HUP_CONFIG: NamedBy = {
  api: 'heat-api-cfn',
  url: 'url= in cfn-hup.conf',
  region: 'region= in cfn-hup.conf',
  target: 'stack= in cfn-hup.conf and path= of the hook',
  credentials: 'credential-file= or, on AWS, role= in cfn-hup.conf',
  insteadOfRole: 'attach one, or give credential-file= in cfn-hup.conf',
  withoutOperator: 'keystone credentials in credential-file= need no operator, see cfn-hup.conf(5); ',
};

/** How a command is told each thing about Heat, for messages that say where it comes from and what to change. */
export interface NamedBy {
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

/** The commands that are told by options. */
export const BY_OPTIONS: NamedBy = {
  url: '--url',
  region: '--region',
  target: '--stack and --resource',
  credentials: undefined,
  insteadOfRole: 'attach one, or give --credential-file',
  withoutOperator: '',
};

/** cfn-hup, whose options name no stack. */
export const BY_HUP_CONFIG: NamedBy = {
  url: 'url= in cfn-hup.conf',
  region: 'region= in cfn-hup.conf',
  target: 'stack= in cfn-hup.conf and path= of the hook',
  credentials: 'credential-file= or, on AWS, role= in cfn-hup.conf',
  insteadOfRole: 'attach one, or give credential-file= in cfn-hup.conf',
  withoutOperator: 'keystone credentials in credential-file= need no operator, see cfn-hup.conf(5); ',
};

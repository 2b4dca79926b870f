/** Every well-known place on the guest (contract section 1), as the guest sees it. The file system door roots them. */
export const paths = {
  /** Where cloud-init's part handler leaves its parts: the first directory wins, the second is the older layout. */
  bootData: ['/var/lib/heat-cfntools', '/var/lib/cloud/data'],
  bootMetadata: 'cfn-init-data',
  bootMetadataServer: 'cfn-metadata-server',
  bootBotoConfig: 'cfn-boto-cfg',
  bootUserData: 'cfn-userdata',
  novaMetadata: '/var/lib/heat-cfntools/nova_meta.json',
  cloudInitInstanceId: '/var/lib/cloud/data/instance-id',
  cloudInitInstanceData: '/run/cloud-init/instance-data.json',
  /** Written at each stage of cloud-init's boot, and the other one at the end of the last. */
  cloudInitStatus: '/run/cloud-init/status.json',
  cloudInitResult: '/run/cloud-init/result.json',
  /** What a cloud shows of a machine that nobody can log in to. */
  console: '/dev/console',
  /** Exists while a cfn-init works on this machine. */
  initLock: '/run/cfn-init/run.lock',
  /** udev's links from the label of a file system to its device. */
  labels: '/dev/disk/by-label',
  mounts: '/proc/self/mounts',
  metadataCache: '/var/cache/heat-cfntools',
  lastMetadata: 'last_metadata',
  hosts: '/etc/hosts',
  settings: '/etc/cfn/cfntools.conf',
  /** The environment of cfn-hup's units. */
  unitEnvironment: '/etc/default/cfn-hup',
  /** The configuration of cfn-hup. */
  hupRoot: '/etc/cfn',
  hupHooksDirectory: 'hooks.d',
  /** What each hook has acknowledged, and the locks: ours alone. */
  hupState: '/var/lib/cfn-hup',
  /** Has the process id of the daemon in it. */
  hupDaemonLock: '/var/lib/cfn-hup/daemon.lock',
  /** Held by a process that makes a pass. */
  hupPassLock: '/var/lib/cfn-hup/pass.lock',
  /** When each hook was looked at; need not outlive a boot. */
  hupLastCheck: '/run/cfn-hup/last-check.json',
  /** How Heat answered last, by configuration and stack. */
  hupLastAnswer: '/run/cfn-hup/last-answer.json',
  /** Who follows changes, and when it looks next. */
  hupFollowing: '/run/cfn-hup/following.json',
  /** The actions that run, by the process that waits for them. */
  hupRunning: '/run/cfn-hup/running.json',
  /** The message that Heat's policy forbids guests to ask, by stack. */
  hupForbidden: '/run/cfn-hup/forbidden.json',
  /** The error by which the last cfn-init ended, for the cfn-signal that follows. */
  lastRun: '/run/cfntools/last-run.json',
  /** Another one after each boot. */
  bootId: '/proc/sys/kernel/random/boot_id',
  logDirectory: '/var/log',
  awsCommands: '/opt/aws/bin',
  commands: '/usr/bin',
  /** The run level that OpenRC has booted into; it refuses to start anything on a machine that it has not booted. */
  openrcLevel: '/run/openrc/softlevel',
  /** What tells one machine from another. */
  machineId: '/etc/machine-id',
  packageDownloads: '/var/cache/heat-cfntools/packages',
} as const;

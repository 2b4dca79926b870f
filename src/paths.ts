/** Every well-known path on the guest (contract section 1). The file system takes them below its root. */
export const paths = {
  /** The directories of cloud-init's part handler. The first one takes precedence; the second is the older layout. */
  bootData: ['/var/lib/heat-cfntools', '/var/lib/cloud/data'],
  bootMetadata: 'cfn-init-data',
  bootMetadataServer: 'cfn-metadata-server',
  bootBotoConfig: 'cfn-boto-cfg',
  bootUserData: 'cfn-userdata',
  novaMetadata: '/var/lib/heat-cfntools/nova_meta.json',
  cloudInitInstanceId: '/var/lib/cloud/data/instance-id',
  cloudInitInstanceData: '/run/cloud-init/instance-data.json',
  /** cloud-init writes the status at each stage of the boot, and the result at the end of the last one. */
  cloudInitStatus: '/run/cloud-init/status.json',
  cloudInitResult: '/run/cloud-init/result.json',
  /** A cloud shows the console of a machine even if nobody can log in. */
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
  /** The states of the hooks, and the locks; only we have access. */
  hupState: '/var/lib/cfn-hup',
  /** Contains the process id of the daemon. */
  hupDaemonLock: '/var/lib/cfn-hup/daemon.lock',
  /** Held by a process that makes a pass. */
  hupPassLock: '/var/lib/cfn-hup/pass.lock',
  /** The time of the last check of each hook; it may be lost at a reboot. */
  hupLastCheck: '/run/cfn-hup/last-check.json',
  /** The last answer of Heat, by configuration and stack. */
  hupLastAnswer: '/run/cfn-hup/last-answer.json',
  /** The process that follows changes, and the time of its next poll. */
  hupFollowing: '/run/cfn-hup/following.json',
  /** The running actions, by the process that waits for them. */
  hupRunning: '/run/cfn-hup/running.json',
  /** The message that Heat's policy forbids guests to ask, by stack. */
  hupForbidden: '/run/cfn-hup/forbidden.json',
  /** The error of the last cfn-init, for the next cfn-signal. */
  lastRun: '/run/cfntools/last-run.json',
  /** A new id at each boot. */
  bootId: '/proc/sys/kernel/random/boot_id',
  logDirectory: '/var/log',
  awsCommands: '/opt/aws/bin',
  commands: '/usr/bin',
  /** Exists where systemd runs the machine (sd_booted(3)). */
  systemdRuns: '/run/systemd/system',
  /** The run level of OpenRC. Without it, OpenRC has not booted the machine, and refuses to start services. */
  openrcLevel: '/run/openrc/softlevel',
  /** The unique id of the machine. */
  machineId: '/etc/machine-id',
  packageDownloads: '/var/cache/heat-cfntools/packages',
} as const;

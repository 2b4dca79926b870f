import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { binaryDirectory, project } from './binary.ts';
import { type Ended, type RunOptions, run } from './process.ts';

/** Where commands are run: a view of this machine, or the machine itself. */
export interface Machine {
  /** A directory that has the same path inside and outside, for files that both sides work on. Mode 0755. */
  readonly shared: string;
  /** Runs a command there, or a bash script when it is a text. */
  run(command: string | readonly string[], options?: RunOptions): Promise<Ended>;
  /** Where a file can be reached from outside. Absolute links on the way would lead out of a view. */
  path(path: string): string;
  read(path: string): string;
  exists(path: string): boolean;
  close(): Promise<void>;
}

export interface SandboxOptions {
  /** 'shared' keeps the network of this machine, for servers that the test itself runs on the loopback device. */
  readonly network?: 'own' | 'shared';
  /** Boots the systemd that is there, with hardly a unit. Needs systemd-nspawn. */
  readonly init?: 'systemd';
  /** The directory of another system to be viewed in the place of this machine. */
  readonly root?: string;
}

const START_TIMEOUT = 30_000;

/** The view: an overlay of / or another root, with the project as it stands. */
const VIEW = `
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$PLACE"
cd "$PLACE"
mkdir upper work root
mount -t overlay overlay -o "lowerdir=$ROOT,upperdir=upper,workdir=work" root
view=$PWD/root
if [ "$NETWORK" = shared ]; then
  # An id of its own, so that a signal without -i does not ask this machine's network for one.
  mkdir -p "$view/var/lib/cloud/data"
  echo 5f2b0c1e-7f3a-4c1d-9b1e-2a6d3c4e5f60 >"$view/var/lib/cloud/data/instance-id"
fi
if [ "$NETWORK" = own ]; then
  ip link set lo up 2>/dev/null || ifconfig lo up 2>/dev/null ||
    perl -e 'socket(my $s, 2, 2, 0) or die; ioctl($s, 0x8914, pack("a16 s x14", "lo", 0x41)) or die $!'
fi
`;

/**
 * The first process of the view waits until its stdin is closed, so that the view ends with the test however that ends,
 * and reaps what daemons leave, as an init would.
 */
const PLAIN = `${VIEW}
read -r outer_pid _ </proc/self/stat
for directory in "$SHARED" "$PROJECT" "$BINARIES"; do
  mkdir -p "$view$directory"
  mount --bind "$directory" "$view$directory"
done
for directory in "$PROJECT" "$BINARIES"; do mount -o remount,bind,ro "$view$directory"; done
mount --rbind /dev "$view/dev"
mount -t tmpfs -o mode=755 tmpfs "$view/run"
mkdir -m 1777 "$view/run/lock"
mount -t sysfs -o ro sysfs "$view/sys" 2>/dev/null || true
mount -t proc proc "$view/proc"
# Its id is told once the root is changed: who enters earlier would work on this machine itself.
exec chroot "$view" /bin/bash --norc -c 'cd /; printf "%s\\n" "$0"; trap : CHLD; while read -r line; do :; done' "$outer_pid"
`;

/** systemd with its basic target only: none of the machine's services is started a second time. */
const SYSTEMD = `${VIEW}
: >"$view/etc/fstab"
: >"$view/etc/machine-id"
units=$view/etc/systemd/system
rm -rf "$units"/*.wants
printf '[Unit]\\nRequires=basic.target\\nAfter=basic.target\\nAllowIsolate=yes\\n' >"$units/quiet.target"
for unit in dev-hugepages.mount dev-mqueue.mount systemd-udevd.service systemd-udev-trigger.service ldconfig.service \\
  systemd-firstboot.service systemd-hwdb-update.service systemd-journal-catalog-update.service \\
  systemd-journal-flush.service systemd-networkd.service systemd-sysusers.service systemd-tmpfiles-setup.service; do
  ln -sf /dev/null "$units/$unit"
done
mount -t tmpfs -o mode=755 tmpfs /run
# A control group of its own, to be removed afterwards.
groups=()
while IFS=: read -r _ names path; do
  case $names in
  '') top=/sys/fs/cgroup/unified && { [ -d "$top" ] || top=/sys/fs/cgroup; } ;;
  name=systemd) top=/sys/fs/cgroup/systemd ;;
  *) continue ;;
  esac
  if mkdir "$top\${path%/}/cfntools-test-$$"; then groups+=("$top\${path%/}/cfntools-test-$$"); fi
done </proc/self/cgroup
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
(
  for group in "\${groups[@]}"; do echo "$BASHPID" >"$group/cgroup.procs"; done
  exec systemd-nspawn --quiet --boot --directory="$view" --register=no --keep-unit --console=pipe \\
    --machine="cfntools-$$" --bind="$SHARED" --bind-ro="$PROJECT" --bind-ro="$BINARIES" systemd.unit=quiet.target
) </dev/null >&2 &
printf '%s\\n' "$!"
while read -r line; do :; done
# What nspawn started would outlive nspawn.
kill -KILL $(cat "/proc/$!/task/$!/children")
wait "$!" || true
for group in "\${groups[@]}"; do find "$group" -depth -type d -exec rmdir {} +; done
`;

/**
 * Opens a copy-on-write view of this machine, or of another root, in namespaces of its own: what is done there is seen there
 * only, and is gone when it is closed. Needs root, util-linux, bash and overlayfs. Close it in the end.
 * @throws Error when the kernel or a container around us does not allow it
 */
export async function openSandbox({ network = 'own', init, root: below = '/' }: SandboxOptions = {}): Promise<Machine> {
  const work = mkdtempSync(join(tmpdir(), 'cfntools-test-'));
  const place = join(work, 'view');
  const shared = join(work, 'shared');
  for (const directory of [place, shared]) mkdirSync(directory);
  for (const directory of [work, shared]) chmodSync(directory, 0o755);
  const namespaces = ['-m', '-i', '-u', ...(init === undefined ? ['-p'] : []), ...(network === 'own' ? ['-n'] : [])];
  const setup = init === undefined ? PLAIN : SYSTEMD;
  const holder = spawn('unshare', [...namespaces, '--fork', '--kill-child', 'bash', '--norc', '-c', setup], {
    stdio: 'pipe',
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      PLACE: place,
      SHARED: shared,
      PROJECT: project,
      BINARIES: binaryDirectory,
      NETWORK: network,
      ROOT: below,
    },
  });
  const discard = async (): Promise<void> => {
    holder.stdin?.end();
    await ended(holder);
    rmSync(work, { recursive: true, force: true });
  };
  try {
    const printed = await firstLine(holder);
    const pid = init === undefined ? printed : await childOf(printed);
    const root = `/proc/${pid}/root`;
    refuseOwnRoot(root);
    const own = ['-m', '-p', '-i', '-u', ...(network === 'own' ? ['-n'] : []), ...(init === undefined ? [] : ['-C'])];
    const enter = ['nsenter', '--target', String(pid), ...own, '-r'];
    const machine: Machine = {
      shared,
      run: (command, { cwd = '/', ...options } = {}) => {
        const words = typeof command === 'string' ? ['/bin/bash', '--norc', '-c', command] : command;
        return run([...enter, `-w${root}${cwd}`, ...words], options);
      },
      path: (path) => join(root, path),
      read: (path) => readFileSync(join(root, path), 'utf8'),
      exists: (path) => existsSync(join(root, path)),
      close: discard,
    };
    if (init !== undefined) await booted(machine);
    return machine;
  } catch (error) {
    await discard();
    throw error;
  }
}

/** This machine as it is, for ordinary users, who can leave nothing behind outside of `shared`. */
export function openDirectly(): Machine {
  const shared = mkdtempSync(join(tmpdir(), 'cfntools-test-'));
  chmodSync(shared, 0o755);
  return {
    shared,
    run: (command, options) =>
      run(typeof command === 'string' ? ['/bin/bash', '--norc', '-c', command] : command, { cwd: '/', ...options }),
    path: (path) => path,
    read: (path) => readFileSync(path, 'utf8'),
    exists: existsSync,
    close: async () => rmSync(shared, { recursive: true, force: true }),
  };
}

/** What is run in a view changes users, packages and services: never may its root be this machine's own. */
function refuseOwnRoot(root: string): void {
  const [view, machine] = [statSync(`${root}/`), statSync('/')];
  if (view.dev === machine.dev && view.ino === machine.ino) throw new Error('the view is this machine itself');
}

/** The first line that the view prints, once it stands: a process id. */
function firstLine(holder: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let out = '';
    let errors = '';
    const timer = setTimeout(() => reject(new Error(`no sandbox after ${START_TIMEOUT} ms: ${errors}`)), START_TIMEOUT);
    holder.stdout?.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (!out.includes('\n')) return;
      clearTimeout(timer);
      resolve(Number.parseInt(out, 10));
    });
    holder.stderr?.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    holder.on('error', reject);
    holder.on('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`no sandbox, exit code ${code}: ${errors}`));
    });
  });
}

/** The first process of what nspawn boots. */
async function childOf(pid: number): Promise<number> {
  for (let waited = 0; waited < START_TIMEOUT; waited += 20) {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    for (const child of children) if (child !== '' && programOf(child) === 'systemd') return Number(child);
    await sleep(20);
  }
  throw new Error(`nothing booted within ${START_TIMEOUT} ms`);
}

/** @returns undefined for a process that has ended meanwhile, as the first ones of nspawn do */
function programOf(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

async function booted(machine: Machine): Promise<void> {
  let state = '';
  for (let waited = 0; waited < START_TIMEOUT; waited += 100) {
    state = (await machine.run(['systemctl', 'is-system-running'])).stdout.trim();
    if (state === 'running' || state === 'degraded') return;
    await sleep(100);
  }
  throw new Error(`systemd is not up after ${START_TIMEOUT} ms, it says: ${state}`);
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

import { setTimeout as sleep } from 'node:timers/promises';
import { binary, project } from './binary.ts';
import { described } from './heat-replay.ts';
import type { Machine } from './sandbox.ts';
import { serveInView, type ViewServer } from './serve-in-view.ts';

const HUP_LOG = '/var/log/cfn-hup.log';
const ANSWER = '/srv/answer.json';
const CACHE = '/var/cache/heat-cfntools';
const PORT = 8000;

/** A guest in a view, with a heat of its own that tells what the test says. */
export interface HupGuest {
  readonly heat: ViewServer;
  /** Sets the metadata of every resource. */
  tell(metadata: unknown): Promise<void>;
  /** Leaves metadata of `guest` as cfn-init does at boot: it is what a first pass compares with. */
  publish(metadata: unknown): Promise<void>;
  /** Writes cfn-hup.conf and one hook on all of the metadata of `guest`. */
  configure(settings: Readonly<Record<string, string>>, action: string, triggers?: string): Promise<void>;
  /** What was written to the log of cfn-hup. */
  log(): string;
  /** The lines of a file. */
  lines(path: string): readonly string[];
}

/** Puts the built commands at their places, starts the heat, and leaves the configuration to the test. */
export async function prepareHupGuest(machine: Machine): Promise<HupGuest> {
  const must = async (script: string, input = ''): Promise<void> => {
    const { code, stderr } = await machine.run(`set -e\n${script}`, { input });
    if (code !== 0) throw new Error(stderr);
  };
  const tell = (metadata: unknown): Promise<void> =>
    must(
      `cat >${ANSWER}.new; mv ${ANSWER}.new ${ANSWER}`,
      (described(JSON.stringify(metadata)) as { readonly body: string }).body,
    );
  // A daemon that reads it meanwhile finds the old file or the new one.
  const write = (path: string): string => `cat >/srv/new; mv /srv/new ${path}`;
  await must(`
    mkdir -p /srv /etc/cfn/hooks.d
    ln -sfn ${binary('cfn-hup')} /usr/bin/cfn-hup
    rm -rf /var/lib/cfn-hup /var/cache/heat-cfntools /var/lib/heat-cfntools /etc/cfn/hooks.d/* ${HUP_LOG}
    (umask 077; printf 'AWSAccessKeyId=a\\nAWSSecretKey=b\\n' >/etc/cfn/key)
    [ ! -d /run/systemd/system ] || cp ${project}/packaging/systemd/cfn-hup.service /etc/systemd/system/
  `);
  await tell({ version: 0 });
  return {
    heat: await serveInView(machine, { '*': { status: 200, body: { file: ANSWER } } }, { port: PORT }),
    tell,
    publish: (metadata) =>
      must(`(umask 077; mkdir -p ${CACHE}; cat >${CACHE}/last_metadata_guest)`, JSON.stringify(metadata)),
    configure: async (settings, action, triggers = 'post.update') => {
      const main = { stack: 's1', url: `http://127.0.0.1:${PORT}/v1/`, 'credential-file': '/etc/cfn/key', ...settings };
      const lines = Object.entries(main).map(([key, value]) => `${key}=${value}\n`);
      await must(write('/etc/cfn/cfn-hup.conf'), `[main]\n${lines.join('')}`);
      const hook = `[h]\ntriggers=${triggers}\npath=Resources.guest.Metadata\naction=${action}\n`;
      await must(write('/etc/cfn/hooks.d/h.conf'), hook);
    },
    log: () => (machine.exists(HUP_LOG) ? machine.read(HUP_LOG) : ''),
    lines: (path) =>
      machine.exists(path)
        ? machine
            .read(path)
            .split('\n')
            .filter((line) => line !== '')
        : [],
  };
}

/** Waits until something is so. @throws Error that says what, when it is not in time */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  { seconds = 20, said = () => '' }: { readonly seconds?: number; readonly said?: () => string } = {},
): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`not within ${seconds} s: ${what}\n${said().slice(-3000)}`);
    await sleep(50);
  }
}

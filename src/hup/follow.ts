import { ExitCode, lastLine, Problem } from '../errors.ts';
import type { Log } from '../log.ts';
import { paths } from '../paths.ts';
import { booleanSetting, readSettings } from '../settings.ts';
import { absolutePath } from '../system/absolute-path.ts';
import { startDetached } from '../system/detached.ts';
import { lastHolder, tryLock } from '../system/lock.ts';
import type { System } from '../system/system.ts';
import { DAEMON_LOCK } from './daemon.ts';

const UNIT = 'cfn-hup.service';
/** Milliseconds. */
const PATIENCE = 15_000;
const PAUSE = 100;

/**
 * The second half of a bare call: makes sure that changes are followed from now on (contract section 2, cfn-hup). Where
 * systemd runs and knows cfn-hup.service, that is started; it is not enabled, as what a call starts ends with the boot:
 * a template or an operator that wants it at each boot enables it. Elsewhere, and for another configuration than the
 * unit's, a loop of our own is started, in a session of its own. `follow=false` in cfntools.conf turns all of it off.
 * Call it without holding a lock of cfn-hup.
 * @param configOption -c as it was given
 * @throws Problem when nothing follows changes now
 */
export async function followFromNowOn(
  { system, log }: { readonly system: System; readonly log: Log },
  configOption: string | undefined,
): Promise<void> {
  if (!(await wantsToFollow(system, log))) return;
  if (isUsualConfig(configOption) && (await hasUnit(system))) return startUnit(system, log);
  return startLoop(system, log, configOption);
}

async function wantsToFollow({ files }: System, log: Log): Promise<boolean> {
  const isWanted = booleanSetting(await readSettings(files), 'follow', true, log);
  if (!isWanted) log.info(`changes are not followed, since ${paths.settings} says so`);
  return isWanted;
}

/** The unit reads the usual files. */
function isUsualConfig(option: string | undefined): boolean {
  return (
    option === undefined ||
    [paths.hupRoot, `${paths.hupRoot}/${paths.hupHooksDirectory}`].includes(absolutePath(option))
  );
}

async function hasUnit({ exec, files }: System): Promise<boolean> {
  if (exec.find('systemctl') === undefined || files.entry('/run/systemd/system') === undefined) return false;
  const { stdout } = await exec.tool(['systemctl', 'show', '--property=LoadState', '--value', UNIT]);
  return stdout.trim() === 'loaded';
}

/** Without waiting: we may be a part of the boot that the unit comes after. */
async function startUnit({ exec }: System, log: Log): Promise<void> {
  const { exitCode, output } = await exec.tool(['systemctl', 'start', '--no-block', UNIT]);
  if (exitCode !== 0)
    throw new Problem('cannot follow changes', {
      where: UNIT,
      hint: `${lastLine(output)}; see journalctl -u ${UNIT}`,
      output,
    });
  log.info(`${UNIT} follows changes from now on, until the machine is restarted unless it is enabled`);
}

async function startLoop({ clock }: System, log: Log, configOption: string | undefined): Promise<void> {
  const free = tryLock(DAEMON_LOCK);
  if (free === undefined) return log.info('another cfn-hup follows changes already');
  free.release();
  const option = configOption === undefined ? [] : ['--config', absolutePath(configOption)];
  const loop = await startDetached(['cfn-hup', '--daemon', ...option]);
  const deadline = clock.elapsed() + PATIENCE;
  while (loop.ended() === undefined && clock.elapsed() < deadline) {
    if (lastHolder(DAEMON_LOCK) === loop.pid) {
      log.info(`process ${loop.pid} follows changes from now on`);
      return;
    }
    await clock.sleep(PAUSE);
  }
  // Another one was faster.
  if (loop.ended() === ExitCode.done) return;
  throw new Problem('cannot follow changes', {
    where: 'cfn-hup --daemon',
    hint: `it ${loop.ended() === undefined ? 'is not up yet' : `ended with ${loop.ended()}`}: see ${paths.logDirectory}/cfn-hup.log`,
  });
}

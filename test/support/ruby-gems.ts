import type { Machine } from './sandbox.ts';

const MAKE = `
require 'fileutils'
require 'rubygems/package'
FileUtils.mkdir_p '/gems/gems'
Dir.chdir '/gems/gems'
STDIN.read.split("\\n").each do |line|
  name, version, needs = line.split(/[:\\s]+/)
  Gem::Package.build(Gem::Specification.new do |gem|
    gem.name, gem.version, gem.summary, gem.authors, gem.files = name, version, 'a dummy', ['nobody'], []
    gem.homepage, gem.license = 'http://example.test', 'MIT'
    gem.add_runtime_dependency needs if needs
  end, true)
end
`;

/**
 * Makes dummy gems in a view, a source of them, and a gem that knows no other. Each call of gem leaves a line in
 * /run/gem.calls.
 * @param gems as `name:version`, or `name:version other` for one that needs another
 */
export async function makeGemSource(machine: Machine, gems: readonly string[]): Promise<void> {
  const made = await machine.run(['/usr/bin/ruby', '-e', MAKE], { input: gems.join('\n') });
  const { code, stderr } = await machine.run(`
    set -e
    (cd /gems && /usr/bin/gem generate_index >/dev/null 2>&1)
    rm -f /root/.gemrc /etc/gemrc
    cat >/usr/local/sbin/gem <<'EOF'
#!/bin/sh
echo "$*" >>/run/gem.calls
exec /usr/bin/gem "$@"
EOF
    chmod 755 /usr/local/sbin/gem`);
  if (made.code !== 0 || code !== 0) throw new Error(`no gem source: ${made.stderr}${stderr}`);
  await useGemSource(machine);
}

/** The one source that gem knows: the dummies' own when left out. */
export async function useGemSource(machine: Machine, url = 'file:///gems'): Promise<void> {
  await machine.run(['/bin/sh', '-c', 'printf -- "---\\n:sources:\\n- %s\\n" "$0" >/etc/gemrc', url]);
}

/** The dummies are gone, then those that are given as `name:version` are installed. */
export async function prepareGems(machine: Machine, ...gems: readonly string[]): Promise<void> {
  await machine.run('rm -rf /var/lib/gems/*/*/cfn* /root/.cache/gem /root/.local/share/gem');
  if (gems.length > 0) {
    const { code, stderr } = await machine.run(['/usr/bin/gem', 'install', '-q', '--no-document', ...gems]);
    if (code !== 0) throw new Error(`not installed: ${stderr}`);
  }
  await machine.run('rm -f /run/gem.calls');
}

/** `name-version` of the dummies that are installed, in the order of their names. */
export async function installedGems(machine: Machine): Promise<string[]> {
  const { stdout } = await machine.run('cd /var/lib/gems/*/specifications && ls cfn*.gemspec 2>/dev/null');
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace('.gemspec', ''))
    .sort();
}

/** The calls of gem since the last look. */
export async function gemCalls(machine: Machine): Promise<string[]> {
  const { stdout } = await machine.run('cat /run/gem.calls 2>/dev/null; rm -f /run/gem.calls');
  return stdout.split('\n').filter((line) => line !== '');
}

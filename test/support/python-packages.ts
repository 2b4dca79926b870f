import type { Machine } from './sandbox.ts';

/** Writes wheels, source archives and an index of them; a wheel is a zip file with three texts about it. */
const MAKE = `
import hashlib, base64, io, os, sys, tarfile, zipfile

def wheel(name, version, needs, extra):
    module = name.replace('-', '_')
    info = f'{module}-{version}.dist-info'
    about = f'Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n'
    if extra: about += f'Provides-Extra: more\\nRequires-Dist: {extra}; extra == "more"\\n'
    if needs: about += f'Requires-Dist: {needs}\\n'
    texts = {
        f'{module}.py': f'version = "{version}"\\n',
        f'{info}/METADATA': about,
        f'{info}/WHEEL': 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n',
    }
    record = ''
    for path, text in texts.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()
        record += f'{path},sha256={digest},{len(text)}\\n'
    texts[f'{info}/RECORD'] = record + f'{info}/RECORD,,\\n'
    path = f'/pypi/files/{module}-{version}-py3-none-any.whl'
    with zipfile.ZipFile(path, 'w') as archive:
        for name, text in texts.items(): archive.writestr(name, text)
    return path

def source(name, version, directory):
    os.makedirs(directory, exist_ok=True)
    module = name.replace('-', '_')
    script = f'from setuptools import setup\\nsetup(name="{name}", version="{version}", py_modules=["{module}"])\\n'
    for path, text in (('setup.py', script), (f'{module}.py', f'version = "{version}"\\n')):
        with open(f'{directory}/{path}', 'w') as file: file.write(text)
    path = f'/pypi/source/{module}-{version}.tar.gz'
    with tarfile.open(path, 'w:gz') as archive: archive.add(directory, f'{module}-{version}')

for directory in ('/pypi/files', '/pypi/source', '/pypi/simple'): os.makedirs(directory, exist_ok=True)
for line in sys.stdin.read().split('\\n'):
    words = line.split()
    if not words: continue
    name, version = words[0].split('==')
    if 'source' in words:
        source(name, version, f'/pypi/source/{name}')
        continue
    path = wheel(name, version, words[words.index('needs') + 1] if 'needs' in words else '',
                 words[words.index('more') + 1] if 'more' in words else '')
    os.makedirs(f'/pypi/simple/{name}', exist_ok=True)
    with open(f'/pypi/simple/{name}/index.html', 'a') as file:
        file.write(f'<a href="../../files/{os.path.basename(path)}">{os.path.basename(path)}</a><br>\\n')
`;

/**
 * Makes dummy packages in a view, an index of them, and a pip that knows no other: wheels in /pypi/files, sources in
 * /pypi/source (a directory and a .tar.gz each). Each call of pip leaves a line in /run/pip.calls; while /run/old-pip
 * is there, pip does not know `inspect`.
 * @param packages as `name==version`, with `needs other`, `more other` (an extra that is called more) or `source`
 */
export async function makePythonIndex(machine: Machine, packages: readonly string[]): Promise<void> {
  const made = await machine.run(['/usr/bin/python3', '-c', MAKE], { input: packages.join('\n') });
  const { code, stderr } = await machine.run(`
    set -e
    rm -rf /root/.config/pip /root/.pip /usr/local/bin/pip*
    cp -a /usr/bin/pip3 /usr/bin/pip3-itself
    cat >/usr/bin/pip3 <<'EOF'
#!/bin/sh
echo "$*" >>/run/pip.calls
env >/run/pip.env
if [ -e /run/old-pip ] && [ "$1" = inspect ]; then
  echo 'ERROR: unknown command "inspect"' >&2
  exit 1
fi
exec /usr/bin/pip3-itself "$@"
EOF`);
  if (made.code !== 0 || code !== 0) throw new Error(`no python index: ${made.stderr}${stderr}`);
  await useIndex(machine);
}

/** The one index that pip knows: the dummies' own when left out. */
export async function useIndex(machine: Machine, url = 'file:///pypi/simple'): Promise<void> {
  await machine.run(['/bin/sh', '-c', 'printf "[global]\\nindex-url = %s\\n" "$0" >/etc/pip.conf', url]);
}

/** The dummies are gone, then those that are given are installed. */
export async function preparePython(machine: Machine, ...requirements: readonly string[]): Promise<void> {
  await machine.run('rm -rf /usr/local/lib/python3*/dist-packages/*');
  if (requirements.length > 0) {
    const install = ['/usr/bin/pip3-itself', 'install', '-q', '--break-system-packages', ...requirements];
    const { code, stderr } = await machine.run(install);
    if (code !== 0) throw new Error(`not installed: ${stderr}`);
  }
  await machine.run('rm -f /run/pip.calls /run/old-pip');
}

/** `name==version` of the dummies that are installed, in the order of their names. */
export async function installedByPip(machine: Machine): Promise<string[]> {
  const { stdout } = await machine.run('cd /usr/local/lib/python3*/dist-packages && ls -d cfn*-info 2>/dev/null');
  return stdout
    .split('\n')
    .flatMap((line) => /^(\w+)-(.+)\.(?:dist|egg)-info$/.exec(line)?.slice(1, 3).join('==') ?? [])
    .sort();
}

/** The calls of pip since the last look, without the options that all have. */
export async function pipCalls(machine: Machine): Promise<string[]> {
  const { stdout } = await machine.run('cat /run/pip.calls 2>/dev/null; rm -f /run/pip.calls');
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replaceAll(/ --disable-pip-version-check| --no-input/g, ''));
}

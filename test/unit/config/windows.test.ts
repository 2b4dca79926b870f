import { describe, expect, it } from 'vitest';
import { isWindowsCommand } from '../../../src/config/values.ts';

const text = String.raw;

describe('a command for Windows', () => {
  it.each([
    text`C:\setup.exe`,
    text`C:\cfn\run.bat`,
    text`C:\cfn\scripts\x.ps1`,
    text`powershell.exe -File C:\setup.ps1`,
    text`powershell -Command "C:\temp\start"`,
    text`cfn-init.exe -v -c config -s stack C:\cfn`,
    text`SCHTASKS /CREATE /TR "C:\tabsetup\backup.bat" /ST 23:00`,
    text`"C:\Program Files\Amazon\cfn-bootstrap\cfn-signal" -e 0`,
    text`C:\ProgramData\chocolatey\bin\choco install -y git`,
    text`msiexec /i agent /l=C:\cfn\host-agent-install-log.txt`,
    text`"powershell" -File c:\x.ps1`,
    text`cmd /c "c:\cfn\x"`,
    text`setx PATH "C:\cfn\scripts;$Env:Path\"`,
  ])('%s', (command) => {
    expect(isWindowsCommand(command)).toBe(true);
  });
});

describe('a command that mentions a path of Windows, or what looks like one', () => {
  it.each([
    text`mkdir C:\Watchmaker\Logs`,
    text`type D:\host.log`,
    text`smbclient //srv/c -c 'get "C:\x"'`,
    text`smbclient //srv/c -c 'get "C:\data\x.exe"'`,
    text`printf 'backup = D:\backup\daily\n' >> /etc/x.conf`,
    text`wine C:\app\setup.exe`,
    text`net use C:\x`,
    text`echo "powershell C:\setup.ps1" > /srv/readme`,
    text`cat > /srv/run.bat <<'E'
C:\cfn\run.exe
E`,
    text`./app.exe --config /etc/app.conf`,
    text`cmd=C:\x; echo $cmd`,

    text`printf 'E:\tno\n'`,
    text`printf 'E:\tno such file\nW:\tyes\n'`,
    text`printf 'N:\name\tvalue\n' >/etc/list.txt`,
    text`grep -P '(E:\s|W:\s)' /var/log/messages`,
    text`grep -P "E:\d+\D" list`,
    text`sed 's,T:\s*,,'`,
    text`sed -e s/x/K:\n/`,
    text`awk '{print "N:\t"$1}'`,
    text`PS1="H:\w "`,
    text`PS1="H:\h:\w\$ "`,
    text`http://host:8080/a\b`,
  ])('%s', (command) => {
    expect(isWindowsCommand(command)).toBe(false);
  });
});

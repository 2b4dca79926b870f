import { describe, expect, it } from 'vitest';
import { hasWindowsPath } from '../../../src/config/windows.ts';

const text = String.raw;

describe('a command with a Windows path', () => {
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
    text`mkdir C:\Watchmaker\Logs`,
    text`msiexec /i agent /l=C:\cfn\host-agent-install-log.txt`,
    text`setx PATH "C:\cfn\scripts;$Env:Path\"`,
    text`type D:\host.log`,
  ])('%s', (command) => {
    expect(hasWindowsPath(command)).toBe(true);
  });
});

describe('a command of Linux with an escape behind a letter and a colon', () => {
  it.each([
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
    expect(hasWindowsPath(command)).toBe(false);
  });
});

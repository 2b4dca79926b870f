import { expect, test } from 'vitest';
import { parsePolicy, parseProviders } from '../../../../../src/sections/packages/managers/apt-index.ts';

test('parsePolicy: versions from the newest on; none of what dpkg only remembers', () => {
  const text = `nginx:
  Installed: 1.22.1-9
  Candidate: 1.22.1-9+deb12u1
  Version table:
     1.22.1-9+deb12u1 500
        500 http://deb.example.test/debian bookworm/main amd64 Packages
        500 http://security.example.test bookworm-security/main amd64 Packages
 *** 1.22.1-9 990
        990 http://deb.example.test/debian bookworm/main amd64 Packages
        100 /var/lib/dpkg/status
libc6:i386:
  Installed: (none)
  Candidate: 2.36-9
  Version table:
     2.36-9 500
        500 http://deb.example.test/debian bookworm/main i386 Packages
old-apt:
  Installed: (none)
  Candidate: 1.0
  Version table:
     1.0 0
        500 file:/repo ./ Packages
removed:
  Installed: (none)
  Candidate: (none)
  Version table:
     1 -1
        100 /var/lib/dpkg/status
mail-transport-agent:
  Installed: (none)
  Candidate: (none)
  Version table:
without-table:
  Installed: (none)
  Candidate: 2:1.0
unknown-without-table:
  Installed: (none)
  Candidate: (none)
`;
  expect([...parsePolicy(text)]).toEqual([
    ['nginx', ['1.22.1-9+deb12u1', '1.22.1-9']],
    ['libc6:i386', ['2.36-9']],
    ['old-apt', ['1.0']],
    ['removed', []],
    ['mail-transport-agent', []],
    ['without-table', ['2:1.0']],
    ['unknown-without-table', []],
  ]);
  expect(parsePolicy('').size).toBe(0);
});

test('parsePolicy: a pin of 1000 and more moves the sources to the left', () => {
  const text = `nginx:
  Installed: (none)
  Candidate: 1.22.1-9
  Version table:
     1.24.0-1 500
        500 http://deb.example.test/debian trixie/main amd64 Packages
     1.22.1-9 1001
       1001 file:/repo ./ Packages
     1.18.0-6 -10
        -10 http://deb.example.test/debian bullseye/main amd64 Packages
curl:
  Installed: 7.88.1-9
  Candidate: 7.88.1-10
  Version table:
     7.88.1-10 30000
       30000 file:/repo ./ Packages
 *** 7.88.1-9 100
        100 /var/lib/dpkg/status
`;
  expect([...parsePolicy(text)]).toEqual([
    ['nginx', ['1.24.0-1', '1.22.1-9', '1.18.0-6']],
    ['curl', ['7.88.1-10']],
  ]);
});

test('parsePolicy: an update that is given to some machines first', () => {
  const text = `bash:
  Installed: 5.1-6ubuntu1
  Candidate: 5.1-6ubuntu1
  Version table:
 *** 5.1-6ubuntu1 500
        500 http://archive.example.test/ubuntu jammy/main amd64 Packages
        100 /var/lib/dpkg/status
openssh-server:
  Installed: 1:8.9p1-3
  Candidate: 1:8.9p1-3
  Version table:
     1:8.9p1-3ubuntu0.1 500 (phased 60%)
        500 http://archive.example.test/ubuntu jammy-updates/main amd64 Packages
 *** 1:8.9p1-3 500 (phased 0%)
        500 http://archive.example.test/ubuntu jammy/main amd64 Packages
        100 /var/lib/dpkg/status
`;
  expect([...parsePolicy(text)]).toEqual([
    ['bash', ['5.1-6ubuntu1']],
    ['openssh-server', ['1:8.9p1-3ubuntu0.1', '1:8.9p1-3']],
  ]);
});

test('parseProviders: what stands behind Reverse Provides', () => {
  const text = `Package: mta
Versions: 

Reverse Depends: 
  mailer,mta 1
  lsb, mta
Dependencies: 
Provides: 
Reverse Provides: 
exim4-daemon-light 4.96-15 (= )
postfix 3.7.11-0 (= )
Package: nothing
Versions: 

Reverse Depends: 
Dependencies: 
Provides: 
Reverse Provides: 
`;
  expect([...parseProviders(text)]).toEqual([
    ['mta', ['exim4-daemon-light', 'postfix']],
    ['nothing', []],
  ]);
});

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

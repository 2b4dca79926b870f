import { describe, expect, it } from 'vitest';
import { placeInWords } from '../../../src/config/findings.ts';

const INIT = '/AWS::CloudFormation::Init';

describe('placeInWords', () => {
  it.each([
    ['', ''],
    [INIT, 'AWS::CloudFormation::Init'],
    [`${INIT}/config`, 'config "config"'],
    [`${INIT}/web`, 'config "web"'],
    [`${INIT}/config/files/~1etc~1motd/mode`, 'files "/etc/motd", mode'],
    [`${INIT}/config/files/~1etc~1motd`, 'files "/etc/motd"'],
    [`${INIT}/config/files/~1a~01`, 'files "/a~1"'],
    [`${INIT}/web/files/~1etc~1motd/mode`, 'config "web", files "/etc/motd", mode'],
    [`${INIT}/config/packages/apt/nginx/0`, 'packages apt "nginx", item 1'],
    [`${INIT}/config/packages/apt`, 'packages apt'],
    [`${INIT}/config/packages`, 'packages'],
    [`${INIT}/config/services/systemd/nginx.service/ensurerunning`, 'services systemd "nginx.service", ensurerunning'],
    [`${INIT}/config/commands/01 a/env/MY-X`, 'commands "01 a", env, "MY-X"'],
    [`${INIT}/config/commands/a"b/command/2`, 'commands "a\\"b", command, item 3'],
    [`${INIT}/config/users/web/groups`, 'users "web", groups'],
    [`${INIT}/configSets`, 'configSets'],
    [`${INIT}/configSets/default/0/ConfigSet`, 'configSets "default", item 1, ConfigSet'],
    ['/AWS::CloudFormation::Authentication/s3/type', 'AWS::CloudFormation::Authentication "s3", type'],
  ])('%s is %s', (pointer, place) => {
    expect(placeInWords(pointer)).toBe(place);
  });
});

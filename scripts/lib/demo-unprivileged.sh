# Run by scripts/demo when nobody may become root. Its argument is the project.
# shellcheck shell=bash
set -euo pipefail

project=$1
node=$project/node_modules/.bin/node
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"; kill $(jobs -p) 2>/dev/null || true' EXIT
mkdir -p "$scratch/machine/var/lib/heat-cfntools" "$scratch/site"

# Users, packages, commands and services need root; owners become the running user.
echo "<?php require 'wp-config.php';" >"$scratch/site/index.php"
tar -czf "$scratch/machine/wordpress.tar.gz" -C "$scratch/site" .
"$node" - "$project/examples/wordpress.json" >"$scratch/machine/var/lib/heat-cfntools/cfn-init-data" <<'JS'
const INIT = 'AWS::CloudFormation::Init';
const metadata = JSON.parse(require('node:fs').readFileSync(process.argv[2], 'utf8'));
const { configure } = metadata[INIT];
for (const file of Object.values(configure.files)) { delete file.owner; delete file.group; }
metadata[INIT].install = { sources: { '/var/www/wordpress': '/wordpress.tar.gz' } };
metadata[INIT].configure = { files: configure.files };
console.log(JSON.stringify(metadata));
JS
"$project/dist/linux-x64/cfn-init" --root "$scratch/machine"
echo
echo "What is new in the scratch directory:"
(cd "$scratch/machine" && find etc usr var/www -not -type d -exec ls -l {} +)
echo
"$node" - >"$scratch/endpoint" <<'JS' &
require('node:http').createServer((request, response) => {
  request.on('data', (chunk) => process.stderr.write(`the wait condition was told: ${chunk}\n`));
  request.on('end', () => response.end());
}).listen(0, '127.0.0.1', function () { console.log(`http://127.0.0.1:${this.address().port}/v1/waitcondition/demo?Signature=demo`); });
JS
for _ in $(seq 50); do
  [ -s "$scratch/endpoint" ] && break
  sleep 0.1
done
"$project/dist/linux-x64/cfn-signal" -e 0 -i demo-instance "$(cat "$scratch/endpoint")" && echo 'cfn-signal: accepted'
echo 'The scratch directory is removed. As root the demo shows users, commands and services as well.'

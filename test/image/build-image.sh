#!/usr/bin/env bash
# Builds the image that test/image and test/openstack boot, with the agent as its sources are now.
#   test/image/build-image.sh DIR [FORMATS]   makes DIR/guest.raw, DIR/guest.root.tar, DIR/guest.vmlinuz, DIR/guest.initrd,
#                                             or what the formats of image-build/jeos stand for
set -euo pipefail
cd "$(dirname "$0")/../.."
shopt -s nullglob

debs=(dist/cfntools_*_amd64.deb)
# Two minutes that are not spent twice on the same sources.
if [ ${#debs[@]} = 0 ] || [ -n "$(find src packaging scripts/lib scripts/package package-lock.json -newer "${debs[0]}" -type f -print -quit)" ]; then
  scripts/package
fi
debs=(dist/cfntools_*_amd64.deb)
exec image-build/jeos --output "$1" --name guest --package "${debs[0]}" --formats "${2:-tar,raw,kernel}"

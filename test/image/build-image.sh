#!/usr/bin/env bash
# Builds the image that test/image and test/openstack boot, with the agent as its sources are now.
#   test/image/build-image.sh DIR [FORMATS]   makes DIR/guest.raw, DIR/guest.root.tar, DIR/guest.vmlinuz, DIR/guest.initrd,
#                                             or what the formats of image-build/jeos stand for
set -euo pipefail
. "$(dirname "$0")/../../image-build/lib/common.sh"
cd "$project"

deb=$(newest dist/cfntools_*_amd64.deb)
# Two minutes that are not spent twice on the same sources.
if [ -z "$deb" ] || [ -n "$(find src packaging scripts/lib scripts/package package.json package-lock.json -newer "$deb" -type f -print -quit)" ]; then
  scripts/package
fi
exec image-build/jeos --output "$1" --name guest --formats "${2:-tar,raw,kernel}"

# Sourced by scripts/package.
# shellcheck shell=bash

# make_tarball DEB FILE: for machines without dpkg and rpm: it is unpacked at /. What is in the deb, byte for byte, since
# compressing it once more takes a minute.
make_tarball() {
  ar p "$1" data.tar.xz >"$2"
}

# Sourced by image-build/jeos: what is in an image, and the sums of its files.
# shellcheck shell=bash disable=SC2154 # it shares the variables of jeos

# manifest DIRECTORY NAME PACKAGES BASE PACKAGE|'' SUMS: prints JSON. PACKAGES has lines "name version architecture", SUMS those of
# sha256sum.
# No value has a quote or a backslash in it: they are names, versions, sums and apt's source lines.
manifest() {
  local directory=$1 name=$2 packages=$3 base=$4 package=$5 sums=$6 sum file separator=
  printf '{\n  "name": "%s",\n  "suite": "%s",\n  "date": "%s",\n' "$name" "$suite" "$(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)"
  printf '  "base": { "sha256": "%s" },\n' "$(sum_of "$base")"
  if [ -n "$package" ]; then
    printf '  "agent": { "package": "%s", "version": "%s", "sha256": "%s" },\n' "${package##*/}" \
      "$(dpkg-deb --field "$package" Version)" "$(sum_of "$package")"
  else
    printf '  "agent": null,\n'
  fi
  printf '  "sources": [\n'
  awk 'NR > 1 { print "," } { printf "    \"%s\"", $0 } END { print "" }' <<<"$guest_sources"
  printf '  ],\n  "files": [\n'
  while read -r sum file; do
    printf '%s    { "file": "%s", "bytes": %s, "sha256": "%s" }' "$separator" "$file" "$(stat -c %s "$directory/$file")" "$sum"
    separator=$',\n'
  done <"$sums"
  printf '\n  ],\n  "packages": [\n'
  awk 'NR > 1 { print "," } { printf "    { \"name\": \"%s\", \"version\": \"%s\", \"architecture\": \"%s\" }", $1, $2, $3 }
    END { print "" }' "$packages"
  printf '  ]\n}\n'
}

sum_of() { sha256sum "$1" | cut -d' ' -f1; }

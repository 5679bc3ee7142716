#!/bin/sh
# Downloads (does not install) axe-core, which looks at the page for what keeps
# people with a screen reader or without a mouse out. Its directory:
# $MEMGUARD_AXE_DIR, or memguard-axe in the user's cache.
set -eu

version=4.14.1
sum=29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c
dir=${MEMGUARD_AXE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/memguard-axe}
whole() { printf '%s  %s\n' "$sum" "$1" | sha256sum --check --status; }
if [ -f "$dir/axe.min.js" ] && whole "$dir/axe.min.js"; then
	echo "$dir: already there"
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent "axe-core@$version" >/dev/null && tar -xzf axe-core-*.tgz package/axe.min.js)
if ! whole "$work/package/axe.min.js"; then
	echo "axe-core $version is not what it was" >&2
	exit 1
fi
mkdir -p "$dir"
mv "$work/package/axe.min.js" "$dir/axe.min.js"
echo "$dir: axe-core $version"

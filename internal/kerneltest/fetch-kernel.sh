#!/bin/sh
# Downloads and unpacks (does not install) the kernel that the tests boot in
# qemu, on Debian and Ubuntu. Its directory: $MEMGUARD_KERNEL_DIR, or
# memguard-kernel in the user's cache.
set -eu

dir=${MEMGUARD_KERNEL_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/memguard-kernel}
if ls "$dir"/boot/vmlinuz-* >/dev/null 2>&1; then
	echo "$dir: already there"
	exit 0
fi

# The package that names the current kernel depends on the one that has it.
package=
for meta in linux-image-cloud-amd64 linux-image-kvm linux-image-virtual linux-image-generic; do
	package=$(apt-cache depends "$meta" 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[^ ]*[0-9][^ ]*\)$/\1/p' | head -n 1)
	[ -z "$package" ] || break
done
if [ -z "$package" ]; then
	echo "no kernel package known to apt; try apt-get update" >&2
	exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# apt downloads as its own user when it can.
chmod 0755 "$work"
(cd "$work" && apt-get download "$package")
# Ubuntu keeps the modules apart.
modules=linux-modules-${package#linux-image-}
if apt-cache show "$modules" >/dev/null 2>&1; then
	(cd "$work" && apt-get download "$modules")
fi
mkdir -p "$(dirname "$dir")"
part=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$work" "$part"' EXIT
for deb in "$work"/*.deb; do
	dpkg -x "$deb" "$part"
done
chmod 0755 "$part"
# Whole or not at all.
mv -T "$part" "$dir"
echo "$dir: $package"

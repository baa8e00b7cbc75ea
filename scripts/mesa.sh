#!/usr/bin/env bash
# A current software Vulkan driver (Mesa's lavapipe) for machines without a GPU, unpacked without touching the system.
#
#   scripts/mesa.sh                   unpack it (a second call does nothing)
#   scripts/mesa.sh -- CMD ARG...     run a program under it, e.g.  -- node script.mjs
#
# Debian 12's own Mesa is too old for Dawn, so this takes Debian 13's packages from the mirror this machine already uses
# and unpacks them into SOVIT_MESA (default ~/.cache/sovit/mesa). CMD runs on the unpacked C library: it must be a
# program, not a script, and under it Node's process.execPath is the loader (spawn `node` by name).
set -euo pipefail
dir=${SOVIT_MESA:-${XDG_CACHE_HOME:-$HOME/.cache}/sovit/mesa}
root=$dir/root

explain() { echo "scripts/mesa.sh: $*" >&2; exit 1; }

unpack() {
  [ "$(uname -sm)" = 'Linux x86_64' ] || explain 'works on Linux on x86-64 only; elsewhere use a GPU driver, or Chromium.'
  command -v apt-get > /dev/null || explain 'needs apt-get; without it install a Mesa of 2024 or later (lavapipe), or Chromium.'
  mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep '/debian/$' | head -1) || true
  [ -n "$mirror" ] || explain 'found no Debian mirror in the apt sources; install mesa-vulkan-drivers, or Chromium.'
  rm -rf "$dir"
  mkdir -p "$dir"/{lists,archives,state}/partial "$root"
  : > "$dir/status"
  printf "deb $mirror %s main\n" trixie trixie-backports > "$dir/sources.list"
  apt=(apt-get -qq -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State="$dir/state"
    -o Dir::State::Lists="$dir/lists" -o Dir::State::status="$dir/status" -o Dir::Cache="$dir"
    -o Dir::Cache::Archives="$dir/archives" -o APT::Architecture=amd64 -o APT::Architectures=amd64
    -o APT::Sandbox::User= -o Debug::NoLocking=1 -o APT::Install-Recommends=0)
  install=(install -y -t trixie-backports mesa-vulkan-drivers libvulkan1 libstdc++6 libx11-xcb1 libxcb1)
  echo "No Vulkan driver for WebGPU here: fetching Debian's software driver (Mesa lavapipe) into $dir" >&2
  "${apt[@]}" update
  megabytes=$("${apt[@]}" --print-uris "${install[@]}" | awk '{ bytes += $3 } END { printf "%d", bytes / 1e6 }')
  echo "fetching $megabytes MB of packages (they unpack to about 300 MB; nothing is installed)" >&2
  "${apt[@]}" --download-only "${install[@]}" >&2
  for deb in "$dir"/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --exclude='./usr/share/doc' --exclude='./usr/share/locale'
  done
  rm -rf "$dir/archives" "$dir/lists"
  touch "$dir/.ready"
}

[ -e "$dir/.ready" ] || unpack
[ "${1-}" = '--' ] || exit 0
shift
lib=$root/usr/lib/x86_64-linux-gnu
export VK_DRIVER_FILES=$root/usr/share/vulkan/icd.d/lvp_icd.json XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/tmp}
exec "$lib/ld-linux-x86-64.so.2" --library-path "$lib" "$(command -v "$1")" "${@:2}"

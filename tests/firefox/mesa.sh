#!/usr/bin/env bash
# Runs a program with a software Vulkan driver (Mesa's lavapipe) that the system's own C library can load.
#
#   tests/firefox/mesa.sh CMD ARG...
#
# scripts/mesa.sh brings its own C library, on which a browser with its many processes cannot be started. This takes the
# Mesa of this Debian release's backports (its own is too old for WebGPU on Debian 12) and what the system lacks of the
# packages it depends on, and unpacks them into SOVIT_NATIVE_MESA (default ~/.cache/sovit/native-mesa); nothing is installed.
set -euo pipefail
dir=${SOVIT_NATIVE_MESA:-${XDG_CACHE_HOME:-$HOME/.cache}/sovit/native-mesa}
root=$dir/root
lib=$root/usr/lib/x86_64-linux-gnu

[ -z "${VK_DRIVER_FILES-}" ] || exec "$@" # the driver is chosen

explain() { echo "tests/firefox/mesa.sh: $*" >&2; exit 1; }

unpack() {
  [ "$(uname -sm)" = 'Linux x86_64' ] && command -v apt-get > /dev/null ||
    explain 'works on Debian on x86-64 only; elsewhere set VK_DRIVER_FILES to the driver to use.'
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep '/debian/$' | head -1) || true
  [ -n "$mirror" ] || explain 'found no Debian mirror in the apt sources; set VK_DRIVER_FILES to the driver to use.'
  rm -rf "$dir"
  mkdir -p "$dir"/{lists,archives,state}/partial "$root"
  printf "deb $mirror %s main\n" "$release" "$release-backports" > "$dir/sources.list"
  apt=(apt-get -qq -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State="$dir/state"
    -o Dir::State::Lists="$dir/lists" -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$dir"
    -o Dir::Cache::Archives="$dir/archives" -o APT::Sandbox::User= -o Debug::NoLocking=1 -o APT::Install-Recommends=0)
  echo "fetching the software Vulkan driver of $release-backports into $dir" >&2
  "${apt[@]}" update
  "${apt[@]}" install -y --download-only -t "$release-backports" mesa-vulkan-drivers libvulkan1 >&2
  for deb in "$dir"/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --exclude='./usr/share/doc' --exclude='./usr/share/locale'
  done
  rm -rf "$dir/archives" "$dir/lists"
  touch "$dir/.ready"
}

[ -e "$dir/.ready" ] || unpack
driver=("$root"/usr/share/vulkan/icd.d/lvp_icd*.json)
VK_DRIVER_FILES=${driver[0]} LD_LIBRARY_PATH=$lib exec "$@"

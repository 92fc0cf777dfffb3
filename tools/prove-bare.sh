#!/bin/bash
# Proves the two commands on a bare Debian 12: debootstrap into a folder, git and ca-certificates added, this
# checkout's HEAD cloned there, and the commands typed as a new user would, as root inside. The log is printed and
# kept. Needs root, debootstrap, unshare, and some 6 GB.
#
#   tools/prove-bare.sh [LOG]        SHARED=folder is laid beside the clone (default: ../shared)
#   COMMANDS='...' tools/prove-bare.sh   other commands than the two, one a line
#
# How this machine reaches the network is carried inside as it is found: resolv.conf, the certificates, apt's and
# pip's settings, and the variables of proxies, certificates and package indices.
set -eu -o pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
log=$(realpath "${1:-prove-bare.log}")
shared=${SHARED:-$root/../shared}
commands=${COMMANDS:-'./doorbell --yes run smollm2 -p "Why is the sky blue?" -n 64
./doorbell test --yes'}

if [[ ${INSIDE_NAMESPACE:-} != yes ]]; then
  command -v debootstrap >/dev/null || { echo "prove-bare: needs debootstrap (apt-get install debootstrap)" >&2; exit 1; }
  ((EUID == 0)) || { echo "prove-bare: needs root, for debootstrap and chroot" >&2; exit 1; }
  # Mounts made below end with this namespace, however it ends.
  INSIDE_NAMESPACE=yes exec unshare --mount --pid --fork --kill-child -- "${BASH_SOURCE[0]}" "$log"
fi

bare=$(mktemp -d "${TMPDIR:-/tmp}/bare-debian.XXXXXX")
trap 'umount -l "$bare"/{proc,sys,dev} 2>/dev/null; rm -rf --one-file-system "$bare"' EXIT
exec > >(tee "$log") 2>&1

echo "== debootstrap --variant=minbase --include=git,ca-certificates bookworm"
debootstrap --variant=minbase --include=git,ca-certificates bookworm "$bare" >"$bare.debootstrap" 2>&1 ||
  { tail -n 5 "$bare.debootstrap"; exit 1; }
rm -f "$bare.debootstrap"

# What debootstrap leaves out and every installation has.
cat >"$bare/etc/apt/sources.list" <<'E'
deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian bookworm-updates main
deb http://deb.debian.org/debian-security bookworm-security main
E
for path in /etc/resolv.conf /etc/hosts /etc/ssl/certs /usr/local/share/ca-certificates /etc/pip.conf; do
  [[ ! -e $path ]] || { mkdir -p "$bare${path%/*}" && rm -rf "$bare$path" && cp -aL "$path" "$bare$path"; }
done
for path in /etc/apt/apt.conf.d/*; do
  [[ ! -e $path ]] || ! grep -q -E '^ *(Acquire|acquire)::' "$path" || cp "$path" "$bare/etc/apt/apt.conf.d/"
done
for name in .npmrc .config/pip; do
  [[ ! -e $HOME/$name ]] || { mkdir -p "$bare/root/$(dirname $name)" && cp -a "$HOME/$name" "$bare/root/$name"; }
done
carried=(HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" PATH=/usr/sbin:/usr/bin:/sbin:/bin)
while IFS= read -r variable; do
  carried+=("$variable")
done < <(env | grep -i -E '^(https?_proxy|no_proxy|all_proxy|pip_(cert|index_url|extra_index_url|proxy|default_timeout)|npm_config_[a-z_]*|ssl_cert_(file|dir)|node_extra_ca_certs|requests_ca_bundle)=')

mount -t proc proc "$bare/proc"
mount -t sysfs -o ro sysfs "$bare/sys"
mount --rbind /dev "$bare/dev" # with its terminals and shared memory
mkdir -p "$bare/root/work"
git clone -q --no-local "$root" "$bare/root/work/doorbell"
if [[ -d $shared ]]; then cp -aL "$shared" "$bare/root/work/shared"; fi

inside() { chroot "$bare" env -i "${carried[@]}" bash -c "cd /root/work/doorbell && $1" </dev/null; }
# shellcheck disable=SC2016  # expanded inside
inside 'echo "Debian $(cat /etc/debian_version), $(dpkg-query -W | wc -l) packages, $(nproc) cores, commit $(git rev-parse --short HEAD)"'

failed=0
while IFS= read -r command; do
  echo "== $command"
  SECONDS=0
  status=0
  inside "$command" || status=$?
  echo "== exit status $status after $SECONDS s"
  ((status == 0)) || failed=1
done <<<"$commands"
exit $failed

#!/bin/bash
# First process of a lab host. It runs in network, mount, PID, UTS and IPC namespaces of its own, gives the host a root file
# system that is the machine's under a throw-away overlay, says "ready", and waits for its standard input to end.
# When it ends (or whoever started it dies), the kernel kills everything in the host and takes the namespaces away.
set -eu
name=$1 repository=$2 mode=$3          # mode: culvert (the repository is at /opt/culvert) or bare (nothing of ours)
umask 022
mount -t tmpfs -o mode=755 lab /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
cd /mnt/root
mount --rbind /dev dev
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mkdir -p opt/culvert lab
if [ "$mode" = culvert ]; then
  mount --rbind "$repository" opt/culvert
  mount -o remount,bind,ro opt/culvert
else
  rmdir opt/culvert
  node=$(command -v node || true)
  [ -z "$node" ] || rm -f "./$node"
fi
mkdir old
pivot_root . old
cd /
# What lies below a mount of its own is not in the overlay; the rest of the machine is out of reach from here on.
umount -l /old
rmdir /old
[ ! -d "$repository" ] || mount -t tmpfs -o mode=700,size=4k hidden "$repository"
hostname "$name"
printf '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 %s\n' "$name" >/etc/hosts
ip link set lo up
echo ready
# Reading keeps this process first in line to reap whatever its children leave behind.
read -r _ || true

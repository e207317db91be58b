#!/bin/sh
# Installs, upgrades or removes Culvert on this computer. As root, from a checkout that `npm run setup` has built:
#
#   sudo app/packaging/install.sh               install, or upgrade what is there; the tunnel stays up
#   sudo app/packaging/install.sh --uninstall   take everything back and remove it, with this device's keys
#
# Afterwards a copy is at /usr/lib/culvert/install.sh. Nothing is fetched. Nothing but this script runs from the checkout:
# every file is copied into a folder of root's before it is used. Whatever the caller's environment, path and directory
# say, only what is below /usr and /bin runs.
set -eu

# Once more in an environment of our own. No test of the shell's is used before that, for a function could stand for it.
case "${1:-}" in
  --cleanly) shift ;;
  *)
    unset LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT GLIBC_TUNABLES
    exec /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C SUDO_USER="${SUDO_USER:-}" \
      /bin/sh "$0" --cleanly "$@"
    ;;
esac
umask 022

LIB=/usr/lib/culvert
UNITS=/usr/lib/systemd/system
SERVICES='culvertd.service culvert-protection.service culvert-engine-log.service'
GROUP=culvert
# Where each shell that is installed looks for what Tab completes.
BASH_TAB=/usr/share/bash-completion/completions/culvert
ZSH_TAB=/usr/share/zsh/vendor-completions/_culvert
FISH_TAB=/usr/share/fish/vendor_completions.d/culvert.fish
# What was changed outside of our own files, so that only that is taken back.
NOTES=$LIB/changed

main() {
  case "${1:-}" in
    --help | -h) usage ;;
    '' | --uninstall) ;;
    *) fail 64 "There is no option $1. See --help." ;;
  esac
  [ "$(id -u)" = 0 ] || fail 77 "This needs root: sudo $0${1:+ $1}"
  case "${1:-}" in
    --uninstall) uninstall ;;
    *) install ;;
  esac
}

usage() {
  echo "Usage: sudo $0 [--uninstall]"
  exit 0
}

install() {
  find_build
  refuse_what_is_not_ours
  old_daemon=$(daemon_pid)
  trap 'rm -rf "${STAGE:-}"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  stage
  put_in_place
  make_group
  if runs_systemd; then start_services; else say_how_to_start; fi
  say "Installed. Next: culvert login LINK, with the link from your organisation."
}

# ── what there is to install ──

find_build() {
  checkout=$(cd -- "$(dirname -- "$0")/../.." && pwd -P)
  [ "$(uname -s)" = Linux ] || fail 69 "Culvert for this system is not installed by this script; it is for Linux."
  node=$(readlink -f -- "$checkout/node_modules/.bin/node") || node=
  for file in "$node" "$checkout/build/app/culvert.mjs" "$checkout/build/app/culvertd.mjs" \
    "$checkout/native/target/release/culvert-engine" "$checkout/native/peercred/peercred.node"; do
    [ -f "$file" ] && [ ! -L "$file" ] ||
      fail 69 "This checkout is not built yet (${file:-node} is missing). Run “npm run setup” in it, then try again."
  done
  newer=$(cd -- "$checkout" && find app/cli app/client app/contract app/daemon app/peer gateway/contract gateway/trust \
    native/client native/wg -name .tsbuild -prune -o -name '*.test.ts' -prune -o \
    -name '*.ts' -newer build/app/culvertd.mjs -print 2>/dev/null | head -n 1)
  [ -z "$newer" ] ||
    fail 69 "This checkout was built before its sources changed ($newer). Run “npm run setup” in it, then try again."
}

# A folder or a link that somebody else made here would decide what root runs.
refuse_what_is_not_ours() {
  if [ -L $LIB ] || { [ -e $LIB ] && [ ! -d $LIB ]; }; then
    fail 73 "$LIB is not a folder. Move it away, then try again."
  fi
  if [ -d $LIB ]; then
    [ "$(stat -c %u $LIB)" = 0 ] || fail 73 "$LIB does not belong to root. Move it away, then try again."
    [ -z "$(find $LIB -perm /022 ! -type l -print | head -n 1)" ] ||
      fail 73 "Others may write to something below $LIB. Move it away, then try again."
  fi
  is_free_or_ours /usr/bin/culvert ../lib/culvert/bin/culvert
  is_free_or_ours /usr/sbin/culvertd ../lib/culvert/bin/culvertd
}

is_free_or_ours() {
  if [ -L "$1" ] && [ "$(readlink "$1")" = "$2" ]; then return 0; fi
  if [ -e "$1" ] || [ -L "$1" ]; then fail 73 "$1 belongs to something else. Move it away, then try again."; fi
}

# ── putting it there: into a folder of its own, and from there by renaming once all of it is right ──

stage() {
  mkdir -p $LIB/bin
  # What one that was killed left.
  rm -rf $LIB/.new.*
  STAGE=$(mktemp -d $LIB/.new.XXXXXX)
  copy 755 "$node" node
  copy 644 "$checkout/build/app/culvert.mjs" culvert.mjs
  copy 644 "$checkout/build/app/culvertd.mjs" culvertd.mjs
  copy 755 "$checkout/native/target/release/culvert-engine" culvert-engine
  copy 644 "$checkout/native/peercred/peercred.node" peercred.node
  mkdir "$STAGE/bin"
  copy 755 "$checkout/app/packaging/bin/culvert" bin/culvert
  copy 755 "$checkout/app/packaging/bin/culvertd" bin/culvertd
  copy 755 "$checkout/app/packaging/install.sh" install.sh
  mkdir "$STAGE/units"
  for unit in $SERVICES; do copy 644 "$checkout/app/packaging/systemd/$unit" "units/$unit"; done
  (cd / && "$STAGE/node" "$STAGE/culvert.mjs" --version >/dev/null 2>&1) ||
    fail 69 "The Node of this checkout does not run here: it needs a Linux with glibc 2.28 or newer. Nothing was changed."
}

# copy MODE FROM TO
copy() {
  cp -- "$2" "$STAGE/$3"
  chown 0:0 "$STAGE/$3"
  chmod "$1" "$STAGE/$3"
  # On the disk before anything has its name.
  sync "$STAGE/$3" 2>/dev/null || true
}

# A program that runs keeps the file that it was started from. culvertd last: it starts the others.
put_in_place() {
  for file in node culvert-engine peercred.node culvert.mjs culvertd.mjs bin/culvert bin/culvertd install.sh; do
    mv -f "$STAGE/$file" "$LIB/$file"
  done
  complete_by_tab bash $BASH_TAB
  complete_by_tab zsh $ZSH_TAB
  complete_by_tab fish $FISH_TAB
  ln -sfn ../lib/culvert/bin/culvert /usr/bin/culvert
  ln -sfn ../lib/culvert/bin/culvertd /usr/sbin/culvertd
}

# complete_by_tab SHELL FILE
complete_by_tab() {
  [ -d "${2%/*}" ] || return 0
  $LIB/bin/culvert completion "$1" >"$STAGE/completion"
  mv -f "$STAGE/completion" "$2"
}

make_group() {
  if ! getent group $GROUP >/dev/null; then
    groupadd --system $GROUP
    echo group >>$NOTES
  fi
  person=${SUDO_USER:-}
  case "$person" in
    '' | root | -* | *[!A-Za-z0-9._-]*)
      say "Who may use Culvert: sudo usermod -aG $GROUP NAME"
      return 0
      ;;
  esac
  id -u "$person" >/dev/null 2>&1 || fail 67 "There is no user $person."
  case " $(id -nG "$person") " in *" $GROUP "*) return 0 ;; esac
  usermod -aG $GROUP "$person"
  echo "member $person" >>$NOTES
  say "$person may use Culvert now. Sign out of this computer and in again, so that it counts."
}

# ── running it ──

runs_systemd() {
  [ -d /run/systemd/system ]
}

start_services() {
  mkdir -p $UNITS
  for unit in $SERVICES; do mv -f "$STAGE/units/$unit" "$UNITS/$unit"; done
  systemctl daemon-reload
  # shellcheck disable=SC2086
  systemctl enable --quiet $SERVICES
  # The engine is not in the way of this: it goes on forwarding, and the new daemon adopts it.
  systemctl restart culvertd.service
  say "culvertd runs. Its log: journalctl -u culvertd"
}

say_how_to_start() {
  if [ -n "$old_daemon" ]; then
    say "culvertd still runs as it was (process $old_daemon). Start it again; the tunnel stays up meanwhile."
  else
    say "This computer does not run systemd. Have your own service manager run, as root: /usr/sbin/culvertd"
  fi
}

# The number of a culvertd that was started from here, be it before an upgrade; not of one in a container.
daemon_pid() {
  for process in /proc/[0-9]*; do
    case "$(readlink "$process/exe" 2>/dev/null)" in $LIB/node | "$LIB/node (deleted)") ;; *) continue ;; esac
    [ "$(readlink "$process/ns/mnt")" = "$(readlink /proc/self/ns/mnt)" ] || continue
    if tr '\0' ' ' 2>/dev/null <"$process/cmdline" | grep -q "$LIB/culvertd.mjs"; then
      echo "${process#/proc/}"
      return 0
    fi
  done
}

# ── going away ──

uninstall() {
  cd /
  take_back
  stop_daemon
  if [ -d $UNITS ]; then (cd $UNITS && rm -f $SERVICES); fi
  ! runs_systemd || systemctl daemon-reload
  remove_link /usr/bin/culvert ../lib/culvert/bin/culvert
  remove_link /usr/sbin/culvertd ../lib/culvert/bin/culvertd
  rm -f $BASH_TAB $ZSH_TAB $FISH_TAB
  remove_group
  rm -rf /var/lib/culvert /run/culvert $LIB
  rmdir /run/wireguard 2>/dev/null || true
  say "Culvert is gone from this computer, with this device’s keys."
}

# While the programs are still there: routes, rules and firewall first, then the organisation is told.
take_back() {
  [ -x $LIB/bin/culvert ] || return 0
  said=$($LIB/bin/culvert repair 2>&1) ||
    fail 70 "Not everything could be taken back, so nothing was removed. Try again after looking at this: $said"
  [ -z "$(daemon_pid)" ] || timeout 20 $LIB/bin/culvert logout >/dev/null 2>&1 || true
}

stop_daemon() {
  if runs_systemd; then
    # shellcheck disable=SC2086
    systemctl disable --quiet --now $SERVICES 2>/dev/null || true
  fi
  tries=0
  while pid=$(daemon_pid) && [ -n "$pid" ]; do
    [ $tries -gt 0 ] || kill "$pid" 2>/dev/null || true
    [ $tries -lt 100 ] || kill -9 "$pid" 2>/dev/null || true
    tries=$((tries + 1))
    sleep 0.1
  done
}

remove_link() {
  if [ -L "$1" ] && [ "$(readlink "$1")" = "$2" ]; then rm -f "$1"; fi
}

remove_group() {
  [ -e $NOTES ] || return 0
  if grep -qx group $NOTES; then
    groupdel $GROUP 2>/dev/null || true
    return 0
  fi
  while read -r word person; do
    [ "$word" != member ] || gpasswd -d "$person" $GROUP >/dev/null 2>&1 || true
  done <$NOTES
}

say() {
  echo "culvert: $*"
}

fail() {
  code=$1
  shift
  echo "culvert: $*" >&2
  exit "$code"
}

main "$@"

#!/bin/sh
# Installs, upgrades or removes a Culvert connector on this machine.
#
#   sh connector.sh TOKEN         install, or upgrade what is there
#   sh connector.sh               upgrade what is there
#   sh connector.sh --uninstall   remove it with its keys
#
#   --allow-kernel                before the token: as root, this machine's kernel may forward and masquerade, which needs
#                                 CAP_NET_ADMIN for the connector, /dev/net/tun, ip and nft; kept for upgrades
#   --no-kernel                   takes that back
#
# As root it goes to /opt/culvert-connector and runs as a user of its own, without any rights unless --allow-kernel gives
# it that one; as anybody else it goes
# to that person's ~/.local/share/culvert-connector and runs as them. It listens on no port.
#
# Everything is in functions that the last line calls, so that half a download does nothing.
set -eu
umask 022

GATEWAY='@GATEWAY@'
PIN='@PIN@'
VERSION='@VERSION@'
FILES='@FILES@'

NAME=culvert-connector
UNIT=/etc/systemd/system/$NAME.service
SYSCTL=/etc/sysctl.d/60-$NAME.conf

main() {
  choose_places
  case "${1:-}" in
    --allow-kernel | --no-kernel)
      kernel=${1#--}
      shift
      ;;
  esac
  case "${1:-}" in
    --uninstall) uninstall ;;
    --help | -h) usage ;;
    -*) fail 64 "There is no option $1. See --help." ;;
    *) install "${1:-}" ;;
  esac
}

usage() {
  echo "Usage: sh connector.sh [--allow-kernel | --no-kernel] TOKEN | sh connector.sh --uninstall"
}

choose_places() {
  if [ "$(id -u)" = 0 ]; then
    PREFIX=/opt/$NAME
    STATE=/var/lib/$NAME
    RUN_AS=$NAME
  else
    PREFIX=${XDG_DATA_HOME:-${HOME:?}/.local/share}/$NAME
    STATE=$PREFIX/state
    RUN_AS=
  fi
  RELEASE=$PREFIX/releases/$VERSION
  PID_FILE=$PREFIX/connector.pid
  LOG=$STATE/connector.log
}

install() {
  [ -n "$1" ] || [ -e "$STATE/connector.json" ] ||
    fail 64 "A token is needed. Copy the whole line from the network's page in the dashboard."
  find_tools
  find_processor
  is_new=yes
  [ -e "$PREFIX/current" ] && is_new=
  trap 'give_up' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  check_token "$1"
  fetch_release
  make_user
  make_state
  write_launcher "$PREFIX/launch.new" "$RELEASE"
  [ -z "$1" ] || join "$1"
  trap - EXIT
  switch_release
  choose_kernel
  allow_ping
  start
}

# ── what is needed ──

find_tools() {
  for tool in sha256sum mktemp uname mkdir mv rm ln; do
    command -v $tool >/dev/null 2>&1 || fail 69 "The program $tool is missing. Install it, then try again."
  done
  if command -v curl >/dev/null 2>&1; then
    fetcher=curl
  elif command -v wget >/dev/null 2>&1; then
    fetcher=wget
  else
    fail 69 "Neither curl nor wget is installed. Install one of them, then try again."
  fi
}

find_processor() {
  [ "$(uname -s)" = Linux ] || fail 69 "A connector runs on Linux; this is $(uname -s)."
  case "$(uname -m)" in
    x86_64 | amd64) processor=x64 ;;
    aarch64 | arm64) processor=arm64 ;;
    *) fail 69 "There is no connector for the processor $(uname -m)." ;;
  esac
  for name in culvert-connector.mjs node-$processor culvert-engine-$processor; do
    [ -n "$(hash_of "$name")" ] ||
      fail 69 "The gateway at $GATEWAY has no connector for $processor to hand out. Its operator builds one with: npm run setup"
  done
}

hash_of() {
  echo "$FILES" | while read -r hash file; do
    [ "$file" = "$1" ] && echo "$hash"
  done || true
}

# Before 120 MB are fetched for nothing. Where it cannot be asked, joining says so. A machine that has joined may use its token again.
check_token() {
  if [ -z "$1" ] || [ -e "$STATE/connector.json" ]; then return 0; fi
  answer=$(printf '%s' "$1" | post "$GATEWAY/install/check" 2>/dev/null) || return 0
  [ "$answer" = ok ] || fail 77 "$answer"
}

# post URL: sends what it reads, for a command line can be read by everybody on the machine.
post() {
  if [ $fetcher = wget ]; then
    set -- -q -O - --header 'Content-Type: text/plain' --post-file=/dev/stdin "$1"
    [ -z "$PIN" ] || set -- --no-check-certificate "$@"
    wget "$@"
  else
    set -- -fsS --header 'Content-Type: text/plain' --data-binary @- "$1"
    [ -z "$PIN" ] || set -- -k --pinnedpubkey "$PIN" "$@"
    curl "$@"
  fi
}

# ── fetching: into a directory of its own, which gets its real name only when everything in it is right ──

fetch_release() {
  [ ! -d "$RELEASE" ] || return 0
  mkdir -p "$PREFIX/releases"
  STAGE=$(mktemp -d "$PREFIX/releases/.new.XXXXXX")
  get culvert-connector.mjs culvert-connector.mjs
  get node-$processor node
  get culvert-engine-$processor culvert-engine
  chmod 755 "$STAGE" "$STAGE/node" "$STAGE/culvert-engine"
  chmod 644 "$STAGE/culvert-connector.mjs"
  "$STAGE/node" --version >/dev/null 2>&1 ||
    fail 69 "This machine cannot run the connector: it needs a Linux with glibc 2.28 or newer. Nothing was changed."
  mv "$STAGE" "$RELEASE"
}

# get NAME-AT-THE-GATEWAY NAME-HERE: a file that the running release has already is not fetched again.
get() {
  wanted=$(hash_of "$1")
  if is_right "$PREFIX/current/$2"; then
    cp "$PREFIX/current/$2" "$STAGE/$2"
  else
    say "Fetching $2 …"
    download "$GATEWAY/install/$1" "$STAGE/$2" ||
      fail 69 "$GATEWAY/install/$1 could not be fetched. Nothing was changed; try again."
  fi
  is_right "$STAGE/$2" || fail 69 "What came as $2 is not what the gateway promised. Nothing was changed."
}

is_right() {
  [ -f "$1" ] && [ "$(sha256sum <"$1" | cut -d ' ' -f 1)" = "$wanted" ]
}

download() {
  if [ $fetcher = curl ]; then
    if [ -n "$PIN" ]; then
      curl -fsSk --pinnedpubkey "$PIN" -o "$2" "$1"
    else
      curl -fsS -o "$2" "$1"
    fi
  elif [ -n "$PIN" ]; then
    wget -q --no-check-certificate -O "$2" "$1"
  else
    wget -q -O "$2" "$1"
  fi
}

# ── the user, its state, and joining ──

make_user() {
  [ -n "$RUN_AS" ] || return 0
  id "$RUN_AS" >/dev/null 2>&1 && return 0
  if command -v useradd >/dev/null 2>&1; then
    useradd --system --user-group --no-create-home --home-dir "$STATE" --shell /usr/sbin/nologin "$RUN_AS"
  elif command -v adduser >/dev/null 2>&1; then
    adduser -S -D -H -h "$STATE" -s /sbin/nologin "$RUN_AS"
  else
    fail 69 "Neither useradd nor adduser is there, so the user $RUN_AS cannot be made. Make it, then try again."
  fi
  made_user=yes
}

make_state() {
  [ -d "$STATE" ] || made_state=yes
  mkdir -p "$STATE"
  chmod 700 "$STATE"
  [ -z "$RUN_AS" ] || chown "$RUN_AS" "$STATE"
}

# write_launcher FILE RELEASE
write_launcher() {
  cat >"$1" <<LAUNCHER
#!/bin/sh
# Written by the installer.
CULVERT_ENGINE='$2/culvert-engine'
export CULVERT_ENGINE
exec '$2/node' '$2/culvert-connector.mjs' "\$@"
LAUNCHER
  chmod 755 "$1"
}

# By the environment, for a command line can be read by everybody on the machine.
join() {
  CULVERT_CONNECTOR_TOKEN=$1
  export CULVERT_CONNECTOR_TOKEN
  as_user "$PREFIX/launch.new" install --state "$STATE" || exit $?
  unset CULVERT_CONNECTOR_TOKEN
}

as_user() {
  $(user_switch) "$@"
}

# The words before a command that make it run as the connector's user, without any rights, also such that it could get;
# with any argument: with the right to change the network alone.
user_switch() {
  [ -n "$RUN_AS" ] || return 0
  as="setpriv --reuid $RUN_AS --regid $(id -g "$RUN_AS") --clear-groups"
  rights="--inh-caps=-all --bounding-set=-all"
  [ -z "${1:-}" ] ||
    rights="--inh-caps=-all,+net_admin --ambient-caps=-all,+net_admin --bounding-set=-all,+net_admin"
  for words in "$as --no-new-privs $rights" "$as" "runuser -u $RUN_AS --"; do
    if $words true 2>/dev/null; then
      echo "$words"
      return 0
    fi
  done
  echo "$NAME: Neither setpriv nor runuser works here, so nothing can be started as $RUN_AS." >&2
  echo false
}

# ── switching over ──

switch_release() {
  rm -f "$PREFIX/launch.new"
  ln -sfn "$RELEASE" "$PREFIX/current"
  mkdir -p "$PREFIX/bin"
  write_launcher "$PREFIX/bin/$NAME.new" "$PREFIX/current"
  mv -f "$PREFIX/bin/$NAME.new" "$PREFIX/bin/$NAME"
  for old in "$PREFIX"/releases/* "$PREFIX"/releases/.new.*; do
    [ "$old" = "$RELEASE" ] || rm -rf "$old"
  done
}

# The choice stays for upgrades, in a file that only root can make.
choose_kernel() {
  choice=$PREFIX/allow-kernel
  case "${kernel:-}" in
    allow-kernel)
      if [ -n "$RUN_AS" ]; then
        : >"$choice"
      else
        say "Only root can let the kernel forward, so everything goes through ordinary sockets."
      fi
      ;;
    no-kernel) rm -f "$choice" ;;
  esac
  RUN_WITH=
  [ ! -e "$choice" ] || RUN_WITH=--allow-kernel
}

# Ping goes through a socket that Linux gives only to groups in this range. Where it is empty, which is the kernel's
# default, it gets this one group.
allow_ping() {
  [ -n "$RUN_AS" ] || return 0
  range=/proc/sys/net/ipv4/ping_group_range
  [ -r $range ] || return 0
  # Not by the shell's own read: it asks byte by byte, and these files answer only the first time.
  # shellcheck disable=SC2046
  set -- $(cat $range)
  [ "$1" -gt "$2" ] || return 0
  group=$(id -g "$RUN_AS")
  echo "$group $group" 2>/dev/null >$range || return 0
  mkdir -p "${SYSCTL%/*}"
  echo "net.ipv4.ping_group_range = $group $group" >"$SYSCTL"
}

start() {
  stop_in_background
  # One that was killed while the kernel forwarded, followed by one that may not take that back.
  [ -n "$RUN_WITH" ] || [ ! -e "$STATE/kernel-ledger.json" ] ||
    "$PREFIX/bin/$NAME" undo --state "$STATE" || true
  if [ -n "$RUN_AS" ] && [ -d /run/systemd/system ]; then
    start_service
  else
    start_in_background
  fi
}

start_service() {
  cat >"$UNIT" <<SERVICE
[Unit]
Description=Culvert connector
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=$PREFIX/bin/$NAME run --state $STATE $RUN_WITH
User=$RUN_AS
Restart=always
RestartSec=2
# Wrong usage, refused by the gateway, damaged state: only a person can help.
RestartPreventExitStatus=64 77 78
StateDirectory=$NAME
StateDirectoryMode=0700
$(service_rights)
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
LockPersonality=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
SERVICE
  systemctl daemon-reload
  systemctl enable --quiet $NAME
  systemctl restart $NAME
  say "The connector runs as the service $NAME. Its log: journalctl -u $NAME"
}

# With the kernel: one capability, the TUN device, the network's settings, and the way back from a crash.
service_rights() {
  if [ -z "$RUN_WITH" ]; then
    echo "CapabilityBoundingSet=
PrivateDevices=yes
ProtectKernelTunables=yes"
  else
    echo "ExecStopPost=$PREFIX/bin/$NAME undo --state $STATE
CapabilityBoundingSet=CAP_NET_ADMIN
AmbientCapabilities=CAP_NET_ADMIN
DevicePolicy=closed
DeviceAllow=/dev/net/tun rw"
  fi
}

start_in_background() {
  : >>"$LOG"
  [ -z "$RUN_AS" ] || chown "$RUN_AS" "$LOG"
  # The shell's own number stays that of what it becomes.
  run_detached sh -c 'echo $$ >"$1"; shift; exec "$@"' sh "$PID_FILE.new" $(user_switch $RUN_WITH) \
    "$PREFIX/bin/$NAME" run --state "$STATE" $RUN_WITH >>"$LOG" 2>&1 </dev/null &
  wait_for_start
  mv -f "$PID_FILE.new" "$PID_FILE"
  say "The connector runs in the background (process $(cat "$PID_FILE")). Its log: $LOG"
  say "Nothing here starts it again after a reboot: run $PREFIX/bin/$NAME run --state $STATE from your own service manager."
}

run_detached() {
  if command -v setsid >/dev/null 2>&1; then exec setsid "$@"; else exec "$@"; fi
}

wait_for_start() {
  tries=0
  while [ ! -s "$PID_FILE.new" ] && [ $tries -lt 50 ]; do
    tries=$((tries + 1))
    sleep 0.1 2>/dev/null || sleep 1
  done
  sleep 1
  [ -s "$PID_FILE.new" ] && kill -0 "$(cat "$PID_FILE.new")" 2>/dev/null ||
    fail 70 "The connector stopped right after its start: $(tail -n 1 "$LOG" 2>/dev/null)"
}

stop_in_background() {
  [ -s "$PID_FILE" ] || return 0
  pid=$(cat "$PID_FILE")
  tries=0
  # Numbers are used again: only a process that runs our program is ours.
  while grep -qs "$NAME" "/proc/$pid/cmdline" && [ $tries -lt 100 ]; do
    [ $tries -gt 0 ] || kill "$pid" 2>/dev/null || true
    tries=$((tries + 1))
    sleep 0.1 2>/dev/null || sleep 1
  done
  rm -f "$PID_FILE"
}

# ── going back, and going away ──

# A first install that fails leaves nothing; an upgrade that fails leaves what ran before.
give_up() {
  status=$?
  trap - EXIT
  [ -z "${STAGE:-}" ] || rm -rf "$STAGE"
  rm -f "$PREFIX/launch.new"
  if [ -n "$is_new" ]; then
    rm -rf "$PREFIX/releases"
    [ -z "${made_state:-}" ] || rm -rf "$STATE"
    rmdir "$PREFIX" 2>/dev/null || true
    [ -z "${made_user:-}" ] || remove_user
  fi
  exit $status
}

uninstall() {
  if [ -e "$UNIT" ] && [ -n "$RUN_AS" ]; then
    systemctl disable --now --quiet $NAME 2>/dev/null || true
    rm -f "$UNIT"
    systemctl daemon-reload 2>/dev/null || true
  fi
  stop_in_background
  # What one that was killed has left: its engine, and what the kernel was told.
  [ ! -x "$PREFIX/bin/$NAME" ] || "$PREFIX/bin/$NAME" undo --state "$STATE" || true
  if [ -n "$RUN_AS" ] && [ -e "$SYSCTL" ]; then
    rm -f "$SYSCTL"
    echo '1 0' 2>/dev/null >/proc/sys/net/ipv4/ping_group_range || true
  fi
  rm -rf "$STATE" "$PREFIX"
  [ -z "$RUN_AS" ] || remove_user
  say "The connector is gone from this machine. Remove it from its network in the dashboard too."
}

remove_user() {
  if command -v userdel >/dev/null 2>&1; then
    userdel "$RUN_AS" 2>/dev/null || true
  elif command -v deluser >/dev/null 2>&1; then
    deluser "$RUN_AS" 2>/dev/null || true
  fi
}

say() {
  echo "$NAME: $*"
}

fail() {
  code=$1
  shift
  echo "$NAME: $*" >&2
  exit "$code"
}

main "$@"

#!/bin/sh
# udp-host and wireguard-go ping each other, each once as the one who begins. Needs root, wireguard-go, wg and ip.
# PINGS=1500 takes it over a rekey.
#
#   namespace culvert-core-a                 namespace culvert-core-b
#   udp-host 10.77.0.2, 192.0.2.1:5000 <-veth-> 192.0.2.2:51820, wireguard-go cvcore0 10.77.0.1
#
set -eu
HOST=$1 # the built example
A=culvert-core-a B=culvert-core-b DEVICE=cvcore0
GO_PRIVATE=${GO_PRIVATE:-$(wg genkey)} GO_PUBLIC=$(echo "$GO_PRIVATE" | wg pubkey)
OUR_PRIVATE=${OUR_PRIVATE:-$(wg genkey)} OUR_PUBLIC=$(echo "$OUR_PRIVATE" | wg pubkey)
PSK=${PSK:-$(wg genpsk)}
hex() { echo "$1" | base64 -d | od -An -v -tx1 | tr -d ' \n'; }
clean() {
  [ -z "${GO_PID:-}" ] || kill "$GO_PID" 2>/dev/null || true
  ip netns del $A 2>/dev/null || true
  ip netns del $B 2>/dev/null || true
}
trap clean EXIT
ip netns add $A
ip netns add $B
ip link add name ve0 netns $A type veth peer name ve1 netns $B
ip -n $A addr add 192.0.2.1/24 dev ve0
ip -n $B addr add 192.0.2.2/24 dev ve1
for side in "$A ve0" "$A lo" "$B ve1" "$B lo"; do ip -n ${side% *} link set ${side#* } up; done

ip netns exec $B wireguard-go -f $DEVICE >/dev/null 2>&1 &
GO_PID=$!
until [ -S /var/run/wireguard/$DEVICE.sock ]; do sleep 0.1; done
# $1: the endpoint that wireguard-go is told, or nothing
configure() {
  ip netns exec $B sh -c "
    wg set $DEVICE peer '$OUR_PUBLIC' remove
    echo '$GO_PRIVATE' | wg set $DEVICE listen-port 51820 private-key /dev/stdin
    echo '$PSK' | wg set $DEVICE peer '$OUR_PUBLIC' preshared-key /dev/stdin allowed-ips 10.77.0.2/32 $1"
}
configure ""
ip -n $B addr add 10.77.0.1/24 dev $DEVICE
ip -n $B link set $DEVICE up
ours() {
  ip netns exec $A "$HOST" "$(hex "$OUR_PRIVATE")" "$(hex "$GO_PUBLIC")" "$(hex "$PSK")" 10.77.0.2 10.77.0.1 192.0.2.1:5000 "$@"
}

echo "we begin:"
[ -z "${CULVERT_RECORD:-}" ] || echo "keys $(hex "$OUR_PRIVATE") $(hex "$GO_PUBLIC") $(hex "$PSK")"
ours "${PINGS:-20}" 192.0.2.2:51820
ip netns exec $B wg show $DEVICE transfer

configure "endpoint 192.0.2.1:5000"
echo "wireguard-go begins:"
ours 0 &
OURS=$!
sleep 0.5
ip netns exec $B ping -q -c 20 -i 0.1 -W 5 10.77.0.2
wait $OURS
ip netns exec $B wg show $DEVICE latest-handshakes

configure "endpoint 192.0.2.1:5000"
echo "wireguard-go begins, and we are under load: its second try carries our cookie:"
CULVERT_UNDER_LOAD=1 ours 0 &
OURS=$!
sleep 0.5
ip netns exec $B ping -q -c 20 -i 0.1 -W 8 10.77.0.2
wait $OURS

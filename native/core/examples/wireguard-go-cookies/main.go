// Wireguard-go's own cookie code as an answering side that asks everybody for a cookie: a real wireguard-go does so only
// after a flood. What it is sent, what it says and whether it takes what comes back is printed by ../udp-host.rs, with
// which it made src/conformance/vectors/wireguard-go-asks-for-a-cookie.txt:
//
//	go run . f9204e80f6ded0272fb4ff45d87ac6c082d5bc3dce96ef2b4a2dc0816fe0c513 127.0.0.1:51820 &
//	CULVERT_RECORD=1 udp-host OUR_PRIVATE_KEY THAT_PUBLIC_KEY PRESHARED_KEY 10.77.0.2 10.77.0.1 127.0.0.1:5000 1 127.0.0.1:51820
//
// It ends when a message carries a mac2 that wireguard-go accepts, and fails when one carries another.
package main

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log"
	"net"
	"net/netip"
	"os"

	"golang.zx2c4.com/wireguard/device"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: wireguard-go-cookies PUBLIC_KEY LISTEN, see the head of the source")
	}
	// The secret is drawn from here, so that a test can have the same one.
	rand.Reader = &counter{}
	var key device.NoisePublicKey
	if _, err := hex.Decode(key[:], []byte(os.Args[1])); err != nil {
		log.Fatal("the public key is 64 hex digits: ", err)
	}
	var checker device.CookieChecker
	checker.Init(key)
	socket, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(os.Args[2])))
	if err != nil {
		log.Fatal(err)
	}
	defer socket.Close()
	answer(socket, &checker)
}

func answer(socket *net.UDPConn, checker *device.CookieChecker) {
	buffer := make([]byte, 2048)
	for {
		length, source, err := socket.ReadFromUDPAddrPort(buffer)
		if err != nil {
			log.Fatal(err)
		}
		message := buffer[:length]
		if length != device.MessageInitiationSize || !checker.CheckMAC1(message) {
			log.Fatalf("no initiation with a right mac1: %x", message)
		}
		if checker.CheckMAC2(message, place(source)) {
			fmt.Println("wireguard-go accepted the mac2 of the message before")
			return
		}
		if [16]byte(message[length-16:]) != [16]byte{} {
			log.Fatalf("a mac2 that wireguard-go refuses: %x", message)
		}
		ask(socket, checker, message, source)
	}
}

func ask(socket *net.UDPConn, checker *device.CookieChecker, message []byte, source netip.AddrPort) {
	reply, err := checker.CreateReply(message, binary.LittleEndian.Uint32(message[4:]), place(source))
	if err != nil {
		log.Fatal(err)
	}
	datagram, err := binary.Append(nil, binary.LittleEndian, reply)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := socket.WriteToUDPAddrPort(datagram, source); err != nil {
		log.Fatal(err)
	}
}

// Address and port as our cookies are bound to them. Wireguard-go leaves these bytes to its caller; nobody else reads them.
func place(source netip.AddrPort) []byte {
	return binary.BigEndian.AppendUint16(source.Addr().Unmap().AsSlice(), source.Port())
}

// What ../udp-host.rs draws from when it records.
type counter struct{ count uint64 }

func (c *counter) Read(bytes []byte) (int, error) {
	for place := range bytes {
		bytes[place] = byte((c.count*167 + 13) % 251)
		c.count++
	}
	return len(bytes), nil
}

//! WireGuard's messages around the crate `snow`, as the whitepaper has them.

use std::time::{SystemTime, UNIX_EPOCH};

use blake2::digest::consts::U16;
use blake2::digest::{FixedOutput, KeyInit, Update};
use blake2::{Blake2s256, Blake2sMac, Digest};
use snow::{Builder, HandshakeState, TransportState};

const NOISE: &str = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
const IDENTIFIER: &[u8] = b"WireGuard v1 zx2c4 Jason@zx2c4.com";
pub(crate) const PRESHARED: [u8; 32] = [0x5a; 32];
/// Of our side, for whatever comes to it.
pub(crate) const INDEX: u32 = 28;

#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) private: Vec<u8>,
    pub(crate) public: [u8; 32],
}

impl Keys {
    pub(crate) fn new() -> Keys {
        let drawn = Builder::new(NOISE.parse().unwrap())
            .generate_keypair()
            .unwrap();
        Keys {
            private: drawn.private,
            public: drawn.public.try_into().unwrap(),
        }
    }

    pub(crate) fn noise(&self) -> Builder<'_> {
        let builder = Builder::new(NOISE.parse().unwrap());
        let builder = builder.local_private_key(&self.private).unwrap();
        let builder = builder.prologue(IDENTIFIER).unwrap();
        builder.psk(2, &PRESHARED).unwrap()
    }
}

/// What a handshake leaves: frames of data are made here, what is in them by `snow`, whose counters begin at 0 too.
pub(crate) struct Session {
    noise: TransportState,
    remote_index: u32,
    sent: u64,
    received: u64,
}

impl Session {
    pub(crate) fn of(noise: HandshakeState, remote_index: u32) -> Session {
        Session {
            noise: noise.into_transport_mode().unwrap(),
            remote_index,
            sent: 0,
            received: 0,
        }
    }

    pub(crate) fn seal(&mut self, padded: &[u8]) -> Vec<u8> {
        let mut datagram = [4_u32, self.remote_index].map(u32::to_le_bytes).concat();
        datagram.extend(self.sent.to_le_bytes());
        datagram.resize(32 + padded.len(), 0);
        let sealed = self.noise.write_message(padded, &mut datagram[16..]);
        assert_eq!(sealed.unwrap(), padded.len() + 16);
        self.sent += 1;
        datagram
    }

    pub(crate) fn open(&mut self, datagram: &[u8]) -> Vec<u8> {
        assert_eq!(datagram[..4], [4, 0, 0, 0]);
        assert_eq!(number(datagram, 4), INDEX);
        assert_eq!(datagram[8..16], self.received.to_le_bytes());
        self.received += 1;
        let mut text = vec![0; datagram.len() - 32];
        let length = self.noise.read_message(&datagram[16..], &mut text);
        assert_eq!(length.unwrap(), text.len());
        text
    }
}

pub(crate) fn initiation(noise: &mut HandshakeState, receiver: &[u8; 32]) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut timestamp = (0x4000_0000_0000_000a + now.as_secs())
        .to_be_bytes()
        .to_vec();
    timestamp.extend(now.subsec_nanos().to_be_bytes());
    let mut message = [1, INDEX].map(u32::to_le_bytes).concat();
    message.resize(148, 0);
    assert_eq!(
        noise.write_message(&timestamp, &mut message[8..]).unwrap(),
        108
    );
    let mac = mac1(receiver, &message[..116]);
    message[116..132].copy_from_slice(&mac);
    message
}

pub(crate) fn response(
    noise: &mut HandshakeState,
    remote_index: u32,
    receiver: &[u8; 32],
) -> Vec<u8> {
    let mut message = [2, INDEX, remote_index].map(u32::to_le_bytes).concat();
    message.resize(92, 0);
    assert_eq!(noise.write_message(&[], &mut message[12..]).unwrap(), 48);
    let mac = mac1(receiver, &message[..60]);
    message[60..76].copy_from_slice(&mac);
    message
}

pub(crate) fn mac1(receiver: &[u8; 32], body: &[u8]) -> [u8; 16] {
    let key = Blake2s256::new()
        .chain_update(b"mac1----")
        .chain_update(receiver)
        .finalize();
    let mut mac = <Blake2sMac<U16> as KeyInit>::new_from_slice(&key).unwrap();
    Update::update(&mut mac, body);
    mac.finalize_fixed().into()
}

pub(crate) fn number(message: &[u8], place: usize) -> u32 {
    u32::from_le_bytes(message[place..place + 4].try_into().unwrap())
}

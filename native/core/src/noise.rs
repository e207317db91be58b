//! Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s, one function per step. Pure: no peer, no index table, no time.

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::aead::{open_field, seal_field};
use crate::hashing::{Hash, hash, kdf1, kdf2, kdf3};
use crate::key::{SharedKey, agree_twice};
use crate::message::{self, INITIATION, RESPONSE, field, number};
use crate::{PresharedKey, PrivateKey, PublicKey, Tai64n};

const CONSTRUCTION: &[u8] = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
const IDENTIFIER: &[u8] = b"WireGuard v1 zx2c4 Jason@zx2c4.com";

/// Both ends' running secrets.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
struct Transcript {
    chaining_key: Hash,
    hash: Hash,
}

/// What an initiator keeps until the response is there.
pub(crate) struct SentInitiation {
    transcript: Transcript,
    ephemeral: PrivateKey,
}

/// An initiation whose sender is known but not yet proven: the timestamp does that.
pub(crate) struct OpenedInitiation {
    transcript: Transcript,
    pub(crate) sender: u32,
    pub(crate) initiator: PublicKey,
    ephemeral: PublicKey,
    sealed_timestamp: [u8; 28],
}

/// A proven initiation, to be answered.
pub(crate) struct ProvenInitiation {
    transcript: Transcript,
    pub(crate) sender: u32,
    initiator: PublicKey,
    ephemeral: PublicKey,
    pub(crate) timestamp: Tai64n,
}

#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct SessionKeys {
    pub(crate) sending: [u8; 32],
    pub(crate) receiving: [u8; 32],
}

impl SessionKeys {
    fn new(sending: Hash, receiving: Hash) -> Self {
        #[cfg(test)]
        made_keys::note(&sending);
        Self { sending, receiving }
    }
}

pub(crate) struct InitiationParts<'a> {
    pub(crate) own_public: &'a PublicKey,
    pub(crate) responder: &'a PublicKey,
    /// Diffie-Hellman of the two static keys.
    pub(crate) static_static: &'a SharedKey,
    pub(crate) ephemeral: PrivateKey,
    pub(crate) timestamp: Tai64n,
    pub(crate) sender: u32,
}

impl Transcript {
    /// Both ends begin with the responder's public key.
    fn towards(responder: &PublicKey) -> Self {
        let chaining_key = hash(&[CONSTRUCTION]);
        let start = hash(&[&chaining_key, IDENTIFIER]);
        Self {
            hash: hash(&[&start, &responder.0]),
            chaining_key,
        }
    }

    fn mix_hash(&mut self, bytes: &[u8]) {
        self.hash = hash(&[&self.hash, bytes]);
    }

    fn mix_key(&mut self, input: &[u8]) {
        self.chaining_key = kdf1(&self.chaining_key, input);
    }

    /// Mixes a shared secret in and returns the key for the next field.
    fn mix_key_for_field(&mut self, secret: &SharedKey) -> SharedKey {
        let (chaining_key, key) = kdf2(&self.chaining_key, &secret.0);
        self.chaining_key = chaining_key;
        SharedKey(key)
    }

    fn mix_preshared(&mut self, preshared: &PresharedKey) -> SharedKey {
        let (chaining_key, mixed, key) = kdf3(&self.chaining_key, preshared.as_bytes());
        self.chaining_key = chaining_key;
        self.mix_hash(&mixed);
        SharedKey(key)
    }

    /// The initiator's sending key comes first.
    fn split(&self) -> (Hash, Hash) {
        kdf2(&self.chaining_key, &[])
    }
}

/// Step 1, initiator. The macs stay zero for the caller. `None`: the responder's key is of low order.
pub(crate) fn create_initiation(
    parts: InitiationParts<'_>,
) -> Option<([u8; INITIATION], SentInitiation)> {
    let mut transcript = Transcript::towards(parts.responder);
    let ephemeral_public = parts.ephemeral.public_key();
    transcript.mix_key(&ephemeral_public.0);
    transcript.mix_hash(&ephemeral_public.0);

    let key = transcript.mix_key_for_field(&parts.ephemeral.agree(parts.responder)?);
    let mut sealed_static = [0; 48];
    *sealed_static.first_chunk_mut()? = parts.own_public.0;
    seal_field(&key.0, &transcript.hash, &mut sealed_static)?;
    transcript.mix_hash(&sealed_static);

    let key = transcript.mix_key_for_field(parts.static_static);
    let mut sealed_timestamp = [0; 28];
    *sealed_timestamp.first_chunk_mut()? = parts.timestamp.0;
    seal_field(&key.0, &transcript.hash, &mut sealed_timestamp)?;
    transcript.mix_hash(&sealed_timestamp);

    let message = message::initiation(
        parts.sender,
        &ephemeral_public.0,
        &sealed_static,
        &sealed_timestamp,
    );
    let ephemeral = parts.ephemeral;
    Some((
        message,
        SentInitiation {
            transcript,
            ephemeral,
        },
    ))
}

/// Step 2a, responder: who claims to be there?
pub(crate) fn open_initiation(
    own: &PrivateKey,
    own_public: &PublicKey,
    message: &[u8; INITIATION],
) -> Option<OpenedInitiation> {
    let ephemeral = PublicKey(field(message, 8)?);
    let sealed_static: [u8; 48] = field(message, 40)?;
    let mut transcript = Transcript::towards(own_public);
    transcript.mix_key(&ephemeral.0);
    transcript.mix_hash(&ephemeral.0);

    let key = transcript.mix_key_for_field(&own.agree(&ephemeral)?);
    let initiator = PublicKey(open_field(&key.0, &transcript.hash, &sealed_static)?);
    transcript.mix_hash(&sealed_static);
    Some(OpenedInitiation {
        transcript,
        sender: number(message, 4)?,
        initiator,
        ephemeral,
        sealed_timestamp: field(message, 88)?,
    })
}

impl OpenedInitiation {
    /// Step 2b, responder: only the owner of that static key can have made this timestamp.
    pub(crate) fn prove(mut self, static_static: &SharedKey) -> Option<ProvenInitiation> {
        let key = self.transcript.mix_key_for_field(static_static);
        let timestamp = open_field(&key.0, &self.transcript.hash, &self.sealed_timestamp)?;
        self.transcript.mix_hash(&self.sealed_timestamp);
        Some(ProvenInitiation {
            transcript: self.transcript,
            sender: self.sender,
            initiator: self.initiator,
            ephemeral: self.ephemeral,
            timestamp: Tai64n(timestamp),
        })
    }
}

impl ProvenInitiation {
    /// Step 3, responder.
    pub(crate) fn respond(
        mut self,
        preshared: &PresharedKey,
        ephemeral: &PrivateKey,
        sender: u32,
    ) -> Option<([u8; RESPONSE], SessionKeys)> {
        let transcript = &mut self.transcript;
        let ephemeral_public = ephemeral.public_key();
        transcript.mix_key(&ephemeral_public.0);
        transcript.mix_hash(&ephemeral_public.0);
        let [of_ephemerals, of_initiator] =
            agree_twice([(ephemeral, &self.ephemeral), (ephemeral, &self.initiator)])?;
        transcript.mix_key(&of_ephemerals.0);
        transcript.mix_key(&of_initiator.0);

        let key = transcript.mix_preshared(preshared);
        let mut sealed_nothing = [0; 16];
        seal_field(&key.0, &transcript.hash, &mut sealed_nothing)?;

        let message = message::response(sender, self.sender, &ephemeral_public.0, &sealed_nothing);
        let (receiving, sending) = transcript.split();
        Some((message, SessionKeys::new(sending, receiving)))
    }
}

impl SentInitiation {
    /// Step 4, initiator. The state stays usable when the response is a forgery.
    pub(crate) fn finish(
        &self,
        own: &PrivateKey,
        preshared: &PresharedKey,
        message: &[u8; RESPONSE],
    ) -> Option<SessionKeys> {
        let ephemeral = PublicKey(field(message, 12)?);
        let sealed_nothing: [u8; 16] = field(message, 44)?;
        let mut transcript = self.transcript.clone();
        transcript.mix_key(&ephemeral.0);
        transcript.mix_hash(&ephemeral.0);
        let [of_ephemerals, of_own] =
            agree_twice([(&self.ephemeral, &ephemeral), (own, &ephemeral)])?;
        transcript.mix_key(&of_ephemerals.0);
        transcript.mix_key(&of_own.0);

        let key = transcript.mix_preshared(preshared);
        open_field::<16, 0>(&key.0, &transcript.hash, &sealed_nothing)?;

        let (sending, receiving) = transcript.split();
        Some(SessionKeys::new(sending, receiving))
    }
}

/// Remembers keys in disguise, so that a test can look for them in memory without being what it finds.
#[cfg(test)]
pub(crate) mod made_keys {
    use std::cell::RefCell;

    pub(crate) const MASK: u8 = 0xa5;

    thread_local!(static MADE: RefCell<Vec<[u8; 32]>> = const { RefCell::new(Vec::new()) });

    pub(crate) fn note(key: &[u8; 32]) {
        MADE.with_borrow_mut(|made| {
            made.push([0; 32]);
            let masked = made.last_mut().unwrap();
            for (place, byte) in masked.iter_mut().zip(key) {
                *place = byte ^ MASK;
            }
        });
    }

    pub(crate) fn masked() -> Vec<[u8; 32]> {
        MADE.with_borrow(Clone::clone)
    }
}

//! mac1, mac2 and cookies: who may make us compute while we are under load.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::PublicKey;
use crate::aead::{CookieSealer, open_cookie};
use crate::constants::COOKIE_LIFETIME;
use crate::entropy::{self, Entropy};
use crate::hashing::{Hash, hash};
use crate::mac::{MAC, MacKey};
use crate::message::{COOKIE_REPLY, MACS, cookie_reply, field, number};
use crate::reply_shares::ReplyShares;

/// The key of mac1 in messages to the owner of `receiver`.
pub(crate) fn mac1_key(receiver: &PublicKey) -> MacKey {
    MacKey::new(&hash(&[b"mac1----", &receiver.0]))
}

/// The key of cookie replies from the owner of `sender`.
pub(crate) fn cookie_key(sender: &PublicKey) -> Hash {
    hash(&[b"cookie--", &sender.0])
}

/// Fills both macs at the end of a message and returns mac1, which a cookie reply will refer to.
pub(crate) fn stamp(
    message: &mut [u8],
    mac1_key: &MacKey,
    cookie: Option<&[u8; MAC]>,
) -> [u8; MAC] {
    let Some((body, macs)) = message.split_last_chunk_mut::<MACS>() else {
        return [0; MAC];
    };
    let first = mac1_key.of(body);
    let (mac1, mac2) = macs.split_at_mut(MAC);
    mac1.copy_from_slice(&first);
    mac2.fill(0);
    if let (Some(cookie), Some((stamped, mac2))) = (cookie, message.split_last_chunk_mut::<MAC>()) {
        *mac2 = MacKey::new(cookie).of(stamped);
    }
    first
}

pub(crate) fn has_valid_mac1(message: &[u8], mac1_key: &MacKey) -> bool {
    let Some((body, macs)) = message.split_last_chunk::<MACS>() else {
        return false;
    };
    let (claimed, _) = macs.split_at(MAC);
    mac1_key.of(body).ct_eq(claimed).into()
}

/// The answering side: cookies of one secret, which lives two minutes.
#[derive(Default)]
pub(crate) struct CookieSecret {
    current: Option<Secret>,
    shares: ReplyShares,
}

struct Secret {
    made: Instant,
    key: MacKey,
    sealer: CookieSealer,
}

impl CookieSecret {
    /// False for every cookie made with a secret that is too old by now.
    pub(crate) fn has_valid_mac2(&self, message: &[u8], source: SocketAddr, now: Instant) -> bool {
        let Some(secret) = self.current.as_ref().filter(|secret| secret.is_young(now)) else {
            return false;
        };
        let Some((stamped, claimed)) = message.split_last_chunk::<MAC>() else {
            return false;
        };
        // That zeros are ever right has a chance of one in 2^128.
        if shows_none(message) {
            return false;
        }
        let cookie = secret.cookie_for(source);
        MacKey::new(&cookie).of(stamped).ct_eq(claimed).into()
    }

    /// Comes to nothing under load even if mac1 is right, unless its source needs no cookie: it shows none, and its place has
    /// had its share of them. Half of what mac1 costs.
    pub(crate) fn is_in_vain(&self, message: &[u8], source: SocketAddr, now: Instant) -> bool {
        let secret = self.current.as_ref();
        self.shares.has_refused(now)
            && shows_none(message)
            && secret
                .and_then(|secret| number_of(&secret.cookie_for(source)))
                .is_some_and(|place| self.shares.is_used_up(place, now))
    }

    /// `None` when this place has had its share of them.
    pub(crate) fn reply(
        &mut self,
        message: &[u8],
        source: SocketAddr,
        cookie_key: &Hash,
        entropy: &dyn Entropy,
        now: Instant,
    ) -> Option<[u8; COOKIE_REPLY]> {
        let mac1: [u8; MAC] = field(message, message.len().checked_sub(MACS)?)?;
        self.renew(cookie_key, entropy, now)?;
        let secret = self.current.as_mut()?;
        let cookie = secret.cookie_for(source);
        if !self.shares.take(number_of(&cookie)?, now) {
            return None;
        }
        let (nonce, sealed) = secret.sealer.seal(&mac1, &cookie)?;
        Some(cookie_reply(number(message, 4)?, &nonce, &sealed))
    }

    fn renew(&mut self, cookie_key: &Hash, entropy: &dyn Entropy, now: Instant) -> Option<()> {
        let is_good = self
            .current
            .as_ref()
            .is_some_and(|secret| secret.is_young(now) && secret.sealer.is_of(cookie_key));
        if !is_good {
            let mut drawn: [u8; 32] = entropy::bytes(entropy);
            self.current = Some(Secret {
                made: now,
                key: MacKey::new(&drawn),
                sealer: CookieSealer::new(cookie_key, entropy::bytes(entropy))?,
            });
            drawn.zeroize();
        }
        Some(())
    }
}

/// Who has no cookie says so with zeros, as most of a flood does. How long this takes tells the sender what it has written
/// itself, and nothing of a secret.
fn shows_none(message: &[u8]) -> bool {
    message
        .last_chunk::<MAC>()
        .is_some_and(|mac2| mac2.iter().all(|byte| *byte == 0))
}

/// Of a place, for its share: nobody outside knows which have cookies that begin alike.
fn number_of(cookie: &[u8; MAC]) -> Option<u16> {
    Some(u16::from_le_bytes(field(cookie, 0)?))
}

impl Secret {
    fn is_young(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.made) <= COOKIE_LIFETIME
    }

    /// Bound to address *and* port: behind one address there may be many.
    fn cookie_for(&self, source: SocketAddr) -> [u8; MAC] {
        let [high, low] = source.port().to_be_bytes();
        match source.ip() {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                self.key.of(&[a, b, c, d, high, low])
            }
            IpAddr::V6(address) => {
                let mut place = [0; 18];
                let (octets, port) = place.split_at_mut(16);
                octets.copy_from_slice(&address.octets());
                port.copy_from_slice(&[high, low]);
                self.key.of(&place)
            }
        }
    }
}

/// The asking side: the last cookie, and the message it may come in answer to.
#[derive(Debug, Default)]
pub(crate) struct CookieJar {
    cookie: Option<(Instant, [u8; MAC])>,
    last_mac1: Option<[u8; MAC]>,
}

impl CookieJar {
    pub(crate) fn stamp(&mut self, message: &mut [u8], receiver: &PublicKey, now: Instant) {
        let cookie = self.cookie.as_ref().and_then(|(received, cookie)| {
            (now.saturating_duration_since(*received) <= COOKIE_LIFETIME).then_some(cookie)
        });
        self.last_mac1 = Some(stamp(message, &mac1_key(receiver), cookie));
    }

    /// Keeps the cookie for the next try; nothing is resent because of it.
    pub(crate) fn take(
        &mut self,
        message: &[u8; COOKIE_REPLY],
        sender: &PublicKey,
        now: Instant,
    ) -> Option<()> {
        let mac1 = self.last_mac1?;
        let nonce = field(message, 8)?;
        let sealed = field(message, 32)?;
        let cookie = open_cookie(&cookie_key(sender), &nonce, &mac1, &sealed)?;
        self.cookie = Some((now, cookie));
        self.last_mac1 = None;
        Some(())
    }
}

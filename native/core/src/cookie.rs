//! mac1, mac2 and cookies: who may make us compute while we are under load.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::PublicKey;
use crate::aead::{open_cookie, seal_cookie};
use crate::constants::COOKIE_LIFETIME;
use crate::entropy::{self, Entropy};
use crate::hashing::{Hash, hash, mac};
use crate::message::{COOKIE_REPLY, MACS, cookie_reply, field, number};

const MAC: usize = 16;

/// The key of mac1 in messages to the owner of `receiver`.
pub(crate) fn mac1_key(receiver: &PublicKey) -> Hash {
    hash(&[b"mac1----", &receiver.0])
}

/// The key of cookie replies from the owner of `sender`.
pub(crate) fn cookie_key(sender: &PublicKey) -> Hash {
    hash(&[b"cookie--", &sender.0])
}

/// Fills both macs at the end of a message and returns mac1, which a cookie reply will refer to.
pub(crate) fn stamp(message: &mut [u8], mac1_key: &Hash, cookie: Option<&[u8; MAC]>) -> [u8; MAC] {
    let (body, macs) = message.split_at_mut(message.len().saturating_sub(MACS));
    let first = mac(mac1_key, &[body]);
    let second = cookie.map_or([0; MAC], |cookie| mac(cookie, &[body, &first]));
    for (place, byte) in macs.iter_mut().zip(first.iter().chain(&second)) {
        *place = *byte;
    }
    first
}

pub(crate) fn has_valid_mac1(message: &[u8], mac1_key: &Hash) -> bool {
    let Some((body, macs)) = message.split_last_chunk::<MACS>() else {
        return false;
    };
    let Some(claimed) = macs.first_chunk::<MAC>() else {
        return false;
    };
    mac(mac1_key, &[body]).ct_eq(claimed).into()
}

/// The answering side: cookies of one secret, which lives two minutes.
#[derive(Default)]
pub(crate) struct CookieSecret {
    current: Option<(Instant, [u8; 32])>,
}

impl CookieSecret {
    /// False for every cookie made with a secret that is too old by now.
    pub(crate) fn has_valid_mac2(&self, message: &[u8], source: SocketAddr, now: Instant) -> bool {
        let Some((made, secret)) = &self.current else {
            return false;
        };
        let Some((stamped, claimed)) = message.split_last_chunk::<MAC>() else {
            return false;
        };
        if now.saturating_duration_since(*made) > COOKIE_LIFETIME {
            return false;
        }
        let cookie = cookie_for(secret, source);
        mac(&cookie, &[stamped]).ct_eq(claimed).into()
    }

    pub(crate) fn reply(
        &mut self,
        message: &[u8],
        source: SocketAddr,
        cookie_key: &Hash,
        entropy: &dyn Entropy,
        now: Instant,
    ) -> Option<[u8; COOKIE_REPLY]> {
        let secret = self.secret(entropy, now);
        let mac1: [u8; MAC] = field(message, message.len().checked_sub(MACS)?)?;
        let nonce = entropy::bytes(entropy);
        let sealed = seal_cookie(cookie_key, &nonce, &mac1, &cookie_for(&secret, source))?;
        Some(cookie_reply(number(message, 4)?, &nonce, &sealed))
    }

    fn secret(&mut self, entropy: &dyn Entropy, now: Instant) -> [u8; 32] {
        match &self.current {
            Some((made, secret)) if now.saturating_duration_since(*made) <= COOKIE_LIFETIME => {
                *secret
            }
            _ => {
                let secret = entropy::bytes(entropy);
                self.erase();
                self.current = Some((now, secret));
                secret
            }
        }
    }

    fn erase(&mut self) {
        if let Some((_, secret)) = &mut self.current {
            secret.zeroize();
        }
    }
}

impl Drop for CookieSecret {
    fn drop(&mut self) {
        self.erase();
    }
}

/// Bound to address *and* port: behind one address there may be many.
fn cookie_for(secret: &[u8; 32], source: SocketAddr) -> [u8; MAC] {
    let port = source.port().to_be_bytes();
    match source.ip() {
        IpAddr::V4(address) => mac(secret, &[&address.octets(), &port]),
        IpAddr::V6(address) => mac(secret, &[&address.octets(), &port]),
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

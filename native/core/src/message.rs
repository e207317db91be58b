//! The four messages as they lie on the wire.

use crate::DropReason;
use crate::constants::{DATA_HEADER, TAG};

pub(crate) const INITIATION: usize = 148;
pub(crate) const RESPONSE: usize = 92;
pub(crate) const COOKIE_REPLY: usize = 64;
pub(crate) const SMALLEST_DATA: usize = DATA_HEADER + TAG;
/// mac1 and mac2 end an initiation and a response.
pub(crate) const MACS: usize = 32;

const INITIATION_TYPE: u32 = 1;
const RESPONSE_TYPE: u32 = 2;
const COOKIE_REPLY_TYPE: u32 = 3;
const DATA_TYPE: u32 = 4;

pub(crate) enum HandshakeMessage<'a> {
    Initiation(&'a [u8; INITIATION]),
    Response(&'a [u8; RESPONSE]),
    CookieReply(&'a [u8; COOKIE_REPLY]),
}

#[derive(Clone, Copy)]
pub(crate) struct DataHeader {
    pub(crate) receiver: u32,
    pub(crate) counter: u64,
}

/// A handshake message or a cookie reply: exact type (with its three zero bytes, as one little-endian number)
/// and exact length.
pub(crate) fn parse_handshake(datagram: &[u8]) -> Result<HandshakeMessage<'_>, DropReason> {
    let kind = number(datagram, 0).ok_or(DropReason::Malformed)?;
    let message = match kind {
        INITIATION_TYPE => datagram.try_into().ok().map(HandshakeMessage::Initiation),
        RESPONSE_TYPE => datagram.try_into().ok().map(HandshakeMessage::Response),
        COOKIE_REPLY_TYPE => datagram.try_into().ok().map(HandshakeMessage::CookieReply),
        _ => None,
    };
    message.ok_or(DropReason::Malformed)
}

/// The header of a data message, `None` for anything else. The first question about every datagram.
pub(crate) fn parse_data(datagram: &[u8]) -> Option<DataHeader> {
    if number(datagram, 0)? == DATA_TYPE {
        data_header(datagram)
    } else {
        None
    }
}

/// The index that whatever begins like a message names first: an initiation's or response's sender, else the receiver.
pub(crate) fn index(datagram: &[u8]) -> Option<u32> {
    let is_message = (INITIATION_TYPE..=DATA_TYPE).contains(&number(datagram, 0)?);
    is_message.then(|| number(datagram, 4))?
}

pub(crate) fn is_data(datagram: &[u8]) -> bool {
    number(datagram, 0) == Some(DATA_TYPE)
}

fn data_header(datagram: &[u8]) -> Option<DataHeader> {
    if datagram.len() < SMALLEST_DATA {
        return None;
    }
    Some(DataHeader {
        receiver: number(datagram, 4)?,
        counter: u64::from_le_bytes(field(datagram, 8)?),
    })
}

pub(crate) fn write_data_header(header: &mut [u8; DATA_HEADER], receiver: u32, counter: u64) {
    let (kind, rest) = header.split_at_mut(4);
    let (index, count) = rest.split_at_mut(4);
    kind.copy_from_slice(&DATA_TYPE.to_le_bytes());
    index.copy_from_slice(&receiver.to_le_bytes());
    count.copy_from_slice(&counter.to_le_bytes());
}

pub(crate) fn initiation(
    sender: u32,
    ephemeral: &[u8; 32],
    sealed_static: &[u8; 48],
    sealed_timestamp: &[u8; 28],
) -> [u8; INITIATION] {
    let mut message = [0; INITIATION];
    let parts: [&[u8]; 5] = [
        &INITIATION_TYPE.to_le_bytes(),
        &sender.to_le_bytes(),
        ephemeral,
        sealed_static,
        sealed_timestamp,
    ];
    lay(&mut message, &parts);
    message
}

pub(crate) fn response(
    sender: u32,
    receiver: u32,
    ephemeral: &[u8; 32],
    sealed_nothing: &[u8; 16],
) -> [u8; RESPONSE] {
    let mut message = [0; RESPONSE];
    let parts: [&[u8]; 5] = [
        &RESPONSE_TYPE.to_le_bytes(),
        &sender.to_le_bytes(),
        &receiver.to_le_bytes(),
        ephemeral,
        sealed_nothing,
    ];
    lay(&mut message, &parts);
    message
}

pub(crate) fn cookie_reply(
    receiver: u32,
    nonce: &[u8; 24],
    sealed_cookie: &[u8; 32],
) -> [u8; COOKIE_REPLY] {
    let mut message = [0; COOKIE_REPLY];
    let parts: [&[u8]; 4] = [
        &COOKIE_REPLY_TYPE.to_le_bytes(),
        &receiver.to_le_bytes(),
        nonce,
        sealed_cookie,
    ];
    lay(&mut message, &parts);
    message
}

fn lay(message: &mut [u8], parts: &[&[u8]]) {
    let bytes = parts.iter().flat_map(|part| part.iter());
    for (place, byte) in message.iter_mut().zip(bytes) {
        *place = *byte;
    }
}

/// `N` bytes at an offset.
pub(crate) fn field<const N: usize>(message: &[u8], offset: usize) -> Option<[u8; N]> {
    message.get(offset..)?.first_chunk().copied()
}

/// A little-endian 32-bit number at an offset.
pub(crate) fn number(message: &[u8], offset: usize) -> Option<u32> {
    field(message, offset).map(u32::from_le_bytes)
}

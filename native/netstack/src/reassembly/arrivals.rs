//! A packet that is known to be a piece, on its way into [`Reassembly`].

use std::time::Instant;

use super::piece::Piece;
use super::{Added, Reassembly};
use crate::admission::AdmissionRules;
use crate::drops::NatDrop;

/// None: more has to come. Nobody outside the overlay gets as far as being kept.
pub(crate) fn put_together(
    reassembly: &mut Reassembly,
    rules: &AdmissionRules,
    now: Instant,
    packet: &[u8],
) -> Result<Option<Vec<u8>>, NatDrop> {
    let piece = Piece::parse(packet).ok_or(NatDrop::Fragment)?;
    if !rules.may_come_from(piece.source) {
        return Err(NatDrop::SpoofedSource);
    }
    match reassembly.add(now, &piece) {
        Added::Waiting => Ok(None),
        Added::Refused => Err(NatDrop::Fragment),
        Added::Whole(whole) => Ok(Some(whole)),
    }
}

//! A doubly linked list whose links lie in the slots that it orders, so that a slot can be taken out from anywhere.
//!
//! A slot may be in several lists; which of its links a list uses, each call says.

const NONE: u32 = u32::MAX;

/// What is in it, by the slots' places.
#[derive(Debug)]
pub(super) struct List {
    first: u32,
    last: u32,
}

/// A slot's neighbours in one list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Links {
    previous: u32,
    next: u32,
}

/// A slot's links in this list.
type LinksOf<S> = fn(&mut S) -> &mut Links;

impl Default for List {
    fn default() -> Self {
        Self {
            first: NONE,
            last: NONE,
        }
    }
}

impl Default for Links {
    fn default() -> Self {
        Self {
            previous: NONE,
            next: NONE,
        }
    }
}

impl List {
    pub(super) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    pub(super) fn append<S>(&mut self, slots: &mut [S], which: LinksOf<S>, slot: u32) {
        let last = std::mem::replace(&mut self.last, slot);
        if let Some(place) = slots.get_mut(slot as usize) {
            *which(place) = Links {
                previous: last,
                next: NONE,
            };
        }
        match slots.get_mut(last as usize) {
            Some(place) => which(place).next = slot,
            None => self.first = slot,
        }
    }

    pub(super) fn unlink<S>(&mut self, slots: &mut [S], which: LinksOf<S>, slot: u32) {
        let Some(place) = slots.get_mut(slot as usize) else {
            return;
        };
        let Links { previous, next } = std::mem::take(which(place));
        match slots.get_mut(previous as usize) {
            Some(place) => which(place).next = next,
            None => self.first = next,
        }
        match slots.get_mut(next as usize) {
            Some(place) => which(place).previous = previous,
            None => self.last = previous,
        }
    }
}

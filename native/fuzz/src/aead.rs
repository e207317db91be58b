//! Batches of packets of all lengths, sealed and opened in the fastest way of this processor and with `ring`: the same bytes,
//! the same verdicts, and nothing of what is not authentic is given out.

use culvert_aead::{Key, Packet, TAG, Way};

use crate::decoder::Decoder;

const MOST_PACKETS: usize = 40;
/// Beyond a packet of 1500 bytes there is nothing new but more of the same.
const LONGEST: usize = 2048 + TAG;

struct Message {
    counter: u64,
    bytes: Vec<u8>,
}

pub(crate) fn run(data: &[u8]) {
    let mut decoder = Decoder::new(data);
    let seed = decoder.byte();
    let (fast, ring) = keys(seed);
    while !decoder.is_empty() {
        let plain = messages(&mut decoder);
        let sealed = agree_on(&plain, |key, batch| key.seal_all(batch), [&fast, &ring]);
        let received: Vec<Message> = plain
            .iter()
            .zip(sealed)
            .map(|(message, bytes)| meddle(message.counter, bytes, &mut decoder))
            .collect();
        agree_on(&received, |key, batch| key.open_all(batch), [&fast, &ring]);
    }
}

fn keys(seed: u8) -> (Key, Key) {
    let key: [u8; 32] = std::array::from_fn(|at| seed.wrapping_mul(at as u8 | 1));
    (
        Key::with_way(Way::best(), &key),
        Key::with_way(Way::Ring, &key),
    )
}

/// Ends and blocks are where lengths go wrong, ones and zeros where sums do.
fn messages(decoder: &mut Decoder) -> Vec<Message> {
    let count = 1 + decoder.choice(MOST_PACKETS);
    (0..count)
        .map(|_| {
            let length = match decoder.choice(3) {
                0 => 16 * decoder.choice(LONGEST / 16),
                1 => 64 * decoder.choice(LONGEST / 64) + decoder.choice(34),
                _ => usize::from(decoder.number()) % LONGEST,
            };
            let fill = decoder.one_of(&[0, 0xff, 0x80, 0x55]);
            let mut bytes = vec![fill; length];
            for place in decoder.bytes(8) {
                if let Some(byte) = bytes.get_mut(usize::from(*place) * 8) {
                    *byte ^= place | 1;
                }
            }
            let counter = u64::from(decoder.wide()) << decoder.choice(33);
            Message { counter, bytes }
        })
        .collect()
}

/// What came out, in either way alike. A message that nothing was done with has no text to compare.
fn agree_on(
    messages: &[Message],
    work: impl Fn(&Key, &mut [Packet<'_>]),
    keys: [&Key; 2],
) -> Vec<Vec<u8>> {
    let [fast, ring] = keys.map(|key| {
        let mut all: Vec<Vec<u8>> = messages.iter().map(|one| one.bytes.clone()).collect();
        let mut batch: Vec<Packet<'_>> = messages
            .iter()
            .zip(&mut all)
            .map(|(message, bytes)| Packet::new(message.counter, bytes))
            .collect();
        work(key, &mut batch);
        let are_done: Vec<bool> = batch.iter().map(|packet| packet.is_done).collect();
        (are_done, all)
    });
    assert_eq!(fast.0, ring.0, "one way did what the other refused");
    for (place, is_done) in fast.0.iter().enumerate() {
        let (before, after) = (&messages[place].bytes, &fast.1[place]);
        if *is_done {
            assert_eq!(after, &ring.1[place], "packet {place} differs");
        } else {
            let text = after.len().saturating_sub(TAG);
            let is_blank = after[..text].iter().all(|byte| *byte == 0);
            assert!(
                is_blank || after == before,
                "packet {place} shows something"
            );
        }
    }
    fast.1
}

/// Most arrive as they were sent.
fn meddle(counter: u64, mut bytes: Vec<u8>, decoder: &mut Decoder) -> Message {
    let mut counter = counter;
    match decoder.choice(8) {
        0 => {
            let place = usize::from(decoder.number()) % bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= 1 << decoder.choice(8);
            }
        }
        1 => bytes.truncate(usize::from(decoder.number()) % (bytes.len() + 1)),
        2 => counter ^= 1 << decoder.choice(64),
        _ => {}
    }
    Message { counter, bytes }
}

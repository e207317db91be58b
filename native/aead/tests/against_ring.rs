//! Both ways seal alike and open alike, whatever the lengths and however they are batched.

use culvert_aead::{Key, Packet, TAG, Way};
use proptest::collection::vec;
use proptest::prelude::*;

/// RFC 8439, 2.4.2: its nonce is one that WireGuard could have.
#[test]
fn the_rfcs_text_is_encrypted_as_it_says() {
    let key: [u8; 32] = std::array::from_fn(|at| at as u8);
    let text =
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the \
        future, sunscreen would be it.";
    let expected = "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b\
        f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8\
        07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736\
        5af90bbf74a35be6b40b8eedf2785e42874d";
    for key in [keys(&key).0, keys(&key).1] {
        let mut message = [text.as_slice(), &[0; TAG]].concat();

        assert!(key.seal(0x4a00_0000, &mut message));

        let hex: String = message[..text.len()]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hex, expected);
    }
}

#[test]
fn every_length_seals_to_the_same_bytes() {
    let (fast, ring) = keys(&[0x9d; 32]);
    for length in 0..2_200 {
        let mut message = message(length, length as u8);
        let mut expected = message.clone();
        let counter = (length as u64) << 33 | 5;

        assert!(fast.seal(counter, &mut message));

        assert!(ring.seal(counter, &mut expected));
        assert_eq!(message, expected, "{length}");
    }
}

#[test]
fn every_length_opens_to_the_text_that_was_sealed() {
    let (fast, ring) = keys(&[0x1f; 32]);
    for length in 0..2_200 {
        let text = message(length, 3);
        let mut sealed = text.clone();
        assert!(ring.seal(u64::MAX - length as u64, &mut sealed));

        let opened = fast.open(u64::MAX - length as u64, &mut sealed);

        assert_eq!(opened, Some(length));
        assert_eq!(sealed[..length], text[..length]);
    }
}

#[test]
fn the_longest_messages_are_like_any_other() {
    let (fast, ring) = keys(&[0x44; 32]);
    for length in [
        8_192, 9_001, 16_383, 65_480, 65_519, 65_535, 65_536, 300_000,
    ] {
        let text = message(length, 99);
        let (mut sealed, mut expected) = (text.clone(), text.clone());

        assert!(fast.seal(1, &mut sealed));

        assert!(ring.seal(1, &mut expected));
        assert!(sealed == expected, "{length}");
        assert_eq!(fast.open(1, &mut sealed), Some(length));
        assert!(sealed[..length] == text[..length], "{length}");
    }
}

#[test]
fn a_message_without_room_for_a_tag_is_refused_and_left_alone() {
    for key in [keys(&[1; 32]).0, keys(&[1; 32]).1] {
        for length in 0..TAG {
            let mut message = vec![7; length];

            assert!(!key.seal(1, &mut message));
            assert_eq!(key.open(1, &mut message), None);

            assert_eq!(message, vec![7; length]);
        }
    }
}

#[test]
fn any_bit_that_is_not_as_it_was_sealed_is_refused() {
    let (fast, ring) = keys(&[0xe1; 32]);
    for length in [
        0, 1, 15, 16, 63, 64, 111, 112, 113, 240, 241, 256, 1_419, 1_420,
    ] {
        let mut sealed = message(length, 8);
        assert!(ring.seal(6, &mut sealed));
        for bit in 0..sealed.len() * 8 {
            let mut forged = sealed.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let before = forged.clone();

            assert_eq!(fast.open(6, &mut forged), None, "{length} {bit}");

            assert!(is_untouched_or_blank(&forged, &before), "{length} {bit}");
        }
        assert_eq!(fast.open(7, &mut sealed.clone()), None, "another counter");
        let cut = &mut sealed.clone()[..length + 15];
        assert_eq!(fast.open(6, cut), None, "cut");
        assert_eq!(fast.open(6, &mut sealed), Some(length));
    }
}

#[test]
fn a_forged_packet_of_a_batch_leaves_its_neighbours_alone() {
    let (fast, _) = keys(&[0x77; 32]);
    for count in 1..=35 {
        for forged in 0..count {
            let texts: Vec<_> = (0..count)
                .map(|nth| message(nth * 37 % 300, nth as u8))
                .collect();
            let mut messages = texts.clone();
            fast.seal_all(&mut batch(&mut messages));
            *messages[forged].last_mut().unwrap() ^= 0x80;

            let mut packets = batch(&mut messages);
            fast.open_all(&mut packets);

            for (nth, (packet, text)) in packets.iter().zip(&texts).enumerate() {
                let length = text.len() - TAG;
                assert_eq!(packet.is_done, nth != forged);
                assert_eq!(
                    packet.message[..length] == text[..length],
                    nth != forged || length == 0
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn batches_of_any_lengths_seal_to_the_same_bytes_and_open_again(
        key in any::<[u8; 32]>(),
        first in any::<u64>(),
        lengths in vec(prop_oneof![4 => 0..200_usize, 2 => 0..2_000_usize, 3 => Just(1_420)], 0..50),
        fill in any::<u8>(),
        forged in vec(any::<prop::sample::Index>(), 0..3),
    ) {
        let (fast, ring) = keys(&key);
        let texts: Vec<_> = lengths.iter().map(|length| message(*length, fill)).collect();
        let (mut sealed, mut expected) = (texts.clone(), texts.clone());

        fast.seal_all(&mut batch_from(first, &mut sealed));

        ring.seal_all(&mut batch_from(first, &mut expected));
        prop_assert_eq!(&sealed, &expected);
        if !sealed.is_empty() {
            for index in &forged {
                let message = &mut sealed[index.index(lengths.len())];
                let at = usize::from(fill) % message.len();
                message[at] = !message[at];
            }
        }
        let refused: Vec<_> = sealed.iter().zip(&expected).map(|(a, b)| a != b).collect();
        let mut packets = batch_from(first, &mut sealed);
        fast.open_all(&mut packets);
        for ((packet, text), refused) in packets.iter().zip(&texts).zip(refused) {
            let length = text.len() - TAG;
            prop_assert_eq!(packet.is_done, !refused);
            prop_assert!(refused || packet.message[..length] == text[..length]);
        }
    }
}

/// Ours decrypts nothing of what is forged. `ring`, which is all there is without AVX-512, blanks what it has decrypted.
fn is_untouched_or_blank(refused: &[u8], before: &[u8]) -> bool {
    let is_blank = |(text, _): (&[u8], &[u8; TAG])| text.iter().all(|byte| *byte == 0);
    refused == before
        || (Way::best() == Way::Ring && refused.split_last_chunk().is_some_and(is_blank))
}

/// The fastest way that the machine has, and the one to compare with.
fn keys(key: &[u8; 32]) -> (Key, Key) {
    (Key::new(key), Key::with_way(Way::Ring, key))
}

fn message(length: usize, fill: u8) -> Vec<u8> {
    let text = (0..length).map(|at| (at as u8).wrapping_mul(fill) ^ (at >> 8) as u8);
    text.chain([0; TAG]).collect()
}

fn batch(messages: &mut [Vec<u8>]) -> Vec<Packet<'_>> {
    batch_from(1 << 40, messages)
}

fn batch_from(first: u64, messages: &mut [Vec<u8>]) -> Vec<Packet<'_>> {
    let counters = (0..).map(|nth| first.wrapping_add(nth));
    let packets = counters.zip(messages);
    packets
        .map(|(counter, message)| Packet::new(counter, message))
        .collect()
}

/// Where randomness comes from: the operating system's generator in an engine, a seeded one in a test.
///
/// Keys, session indices, cookie secrets and jitter are drawn from it, so an engine must give it a
/// cryptographic generator. It is asked at handshakes only, never per packet.
pub trait Entropy: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}

pub(crate) fn bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut drawn = [0; N];
    entropy.fill(&mut drawn);
    drawn
}

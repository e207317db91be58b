use std::time::Duration;

/// Of the calling thread alone.
pub(super) fn processor_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel fills in `time`, which outlives the call.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(done, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Adds up what parts of a thread's work take. Reading the clock is in it, twice a part.
#[derive(Default)]
pub(super) struct Meter(Duration);

impl Meter {
    pub(super) fn time<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let start = processor_time();
        let result = work();
        self.0 += processor_time() - start;
        result
    }

    pub(super) fn nanoseconds_each(&self, count: usize) -> f64 {
        self.0.as_nanos() as f64 / count as f64
    }
}

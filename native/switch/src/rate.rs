//! A token bucket, so that nobody makes the gateway talk more than it should.

#[derive(Debug, Clone, Copy)]
pub struct TokenBucket {
    tokens: u32,
    filled_at_ms: u64,
}

#[derive(Debug, Clone, Copy)]
pub struct Rate {
    pub per_second: u32,
    pub burst: u32,
}

impl TokenBucket {
    pub fn full(rate: Rate, now_ms: u64) -> Self {
        Self {
            tokens: rate.burst,
            filled_at_ms: now_ms,
        }
    }

    pub fn take(&mut self, rate: Rate, now_ms: u64) -> bool {
        let passed_ms = now_ms.saturating_sub(self.filled_at_ms);
        let earned = passed_ms.saturating_mul(u64::from(rate.per_second)) / 1000;
        if earned > 0 {
            let tokens = u64::from(self.tokens).saturating_add(earned);
            self.tokens = u32::try_from(tokens).unwrap_or(u32::MAX).min(rate.burst);
            self.filled_at_ms = now_ms;
        }
        let is_granted = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        is_granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_burst_only_the_rate_is_granted() {
        let rate = Rate {
            per_second: 10,
            burst: 3,
        };
        let mut bucket = TokenBucket::full(rate, 0);

        let granted = (0..100).filter(|step| bucket.take(rate, step * 10)).count();

        assert_eq!(granted, 3 + 9);
    }
}

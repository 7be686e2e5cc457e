//! Token buckets: how much of something may be used in a time.

use std::time::Duration;

/// So much in each period. As much may be saved up and used at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rate {
    pub(super) amount: u64,
    pub(super) period: Duration,
}

impl Rate {
    fn per_second(&self) -> f64 {
        self.amount as f64 / self.period.as_secs_f64()
    }
}

/// What was used of a rate and has not come back yet. Times are those of one clock, since any beginning.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bucket {
    used: f64,
    at: Duration,
}

impl Bucket {
    /// What is in use at a time.
    pub(super) fn used(&self, rate: Rate, now: Duration) -> f64 {
        let back = now.saturating_sub(self.at).as_secs_f64() * rate.per_second();
        (self.used - back).max(0.0)
    }

    /// How long until `amount` may be used: none when it may be now. What is more than the whole rate may be used when
    /// nothing else is in use, and is paid for afterwards.
    pub(super) fn wait(&self, rate: Rate, now: Duration, amount: f64) -> Option<Duration> {
        let most = rate.amount as f64;
        let over = self.used(rate, now) + amount.min(most) - most;
        if rate.amount > 0 && over <= 1e-9 {
            return None;
        }
        let seconds = over / rate.per_second();
        // A rate of 0 never comes back.
        Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }

    /// Uses `amount`, be it there or not.
    pub(super) fn charge(&mut self, rate: Rate, now: Duration, amount: f64) {
        self.used = self.used(rate, now) + amount;
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Rate = Rate { amount: 10, period: Duration::from_secs(1) };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn take(bucket: &mut Bucket, rate: Rate, now: Duration, amount: f64) -> Option<Duration> {
        let wait = bucket.wait(rate, now, amount);
        if wait.is_none() {
            bucket.charge(rate, now, amount);
        }
        wait
    }

    #[test]
    fn a_period_may_be_used_at_once_and_comes_back_evenly() {
        let mut bucket = Bucket::default();
        for _ in 0..10 {
            assert_eq!(take(&mut bucket, TEN, ms(5000), 1.0), None);
        }
        assert_eq!(take(&mut bucket, TEN, ms(5000), 1.0), Some(ms(100)));
        assert_eq!(take(&mut bucket, TEN, ms(5060), 1.0), Some(ms(40)));
        assert_eq!(take(&mut bucket, TEN, ms(5100), 1.0), None);
        assert!(take(&mut bucket, TEN, ms(5100), 1.0).is_some());
        assert_eq!(bucket.used(TEN, ms(5600)).round(), 5.0);
        assert_eq!(bucket.used(TEN, ms(60_000)), 0.0, "no more than a period is saved up");
    }

    #[test]
    fn what_is_larger_than_the_rate_is_paid_for_afterwards() {
        let mut bucket = Bucket::default();
        bucket.charge(TEN, ms(0), 1.0);
        assert_eq!(take(&mut bucket, TEN, ms(0), 100.0), Some(ms(100)), "it waits until nothing is in use");
        assert_eq!(take(&mut bucket, TEN, ms(100), 100.0), None);
        assert_eq!(take(&mut bucket, TEN, ms(100), 1.0), Some(ms(9100)));
        assert_eq!(take(&mut bucket, TEN, ms(9200), 1.0), None);
    }

    #[test]
    fn a_clock_that_stands_or_a_rate_of_nothing() {
        let mut bucket = Bucket::default();
        bucket.charge(TEN, ms(100), 10.0);
        assert_eq!(bucket.wait(TEN, ms(50), 1.0), Some(ms(100)), "an earlier time gives nothing back");
        bucket.charge(TEN, ms(50), 1.0);
        assert_eq!(bucket.wait(TEN, ms(100), 1.0), Some(ms(200)));
        let nothing = Rate { amount: 0, ..TEN };
        assert_eq!(Bucket::default().wait(nothing, ms(0), 1.0), Some(Duration::MAX));
    }

    #[test]
    fn a_rate_may_change_meanwhile() {
        let mut bucket = Bucket::default();
        bucket.charge(TEN, ms(0), 10.0);
        let twenty = Rate { amount: 20, ..TEN };
        assert_eq!(bucket.wait(twenty, ms(0), 1.0), None);
        let five = Rate { amount: 5, ..TEN };
        assert_eq!(bucket.wait(five, ms(0), 1.0), Some(ms(1200)));
    }
}

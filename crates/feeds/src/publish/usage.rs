//! How often each API key is used: a token bucket, and the requests that are being answered.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::config::PublishingConfig;
use super::error::{ApiError, ErrorCode};

/// Keys whose use is remembered before those that rest are forgotten.
const FORGET_FROM: usize = 1024;

/// The use of all API keys. Only keys that are valid have an entry, and those that rest are forgotten.
#[derive(Debug)]
pub(super) struct Usages {
    per_second: f64,
    burst: f64,
    running_max: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    of_keys: HashMap<Arc<str>, Usage>,
    forget_at: usize,
}

/// The use of one.
#[derive(Debug)]
struct Usage {
    tokens: f64,
    /// When there were so many.
    at: Instant,
    running: u32,
}

/// A request that is being answered, until it is dropped.
#[derive(Debug)]
pub(super) struct Running {
    usages: Arc<Usages>,
    key: Arc<str>,
}

impl Usages {
    pub(super) fn new(config: &PublishingConfig) -> Self {
        Self {
            per_second: config.requests_per_second.max(1).into(),
            burst: config.burst.max(1).into(),
            running_max: config.concurrent_requests_max.max(1),
            state: Mutex::default(),
        }
    }

    /// Begins to answer a request, which takes a token.
    pub(super) fn begin(self: &Arc<Self>, key: &str) -> Result<Running, ApiError> {
        let key: Arc<str> = key.into();
        let now = Instant::now();
        let mut state = self.state.lock();
        self.forget_resting(&mut state, now);
        let usage = state.of_keys.entry(Arc::clone(&key));
        let usage = usage.or_insert(Usage { tokens: self.burst, at: now, running: 0 });
        self.refill(usage, now);
        if usage.running >= self.running_max {
            return Err(ErrorCode::TooManyAtOnce.error().retry_after(Duration::from_secs(1)));
        }
        self.take(usage, 1.0)?;
        usage.running += 1;
        drop(state);
        Ok(Running { usages: Arc::clone(self), key })
    }

    fn refill(&self, usage: &mut Usage, now: Instant) {
        let passed = now.saturating_duration_since(usage.at).as_secs_f64();
        usage.tokens = (usage.tokens + passed * self.per_second).min(self.burst);
        usage.at = now;
    }

    fn take(&self, usage: &mut Usage, tokens: f64) -> Result<(), ApiError> {
        let missing = tokens - usage.tokens;
        if missing > 0.0 {
            let after = Duration::from_secs_f64(missing / self.per_second);
            return Err(ErrorCode::RateLimited.error().retry_after(after));
        }
        usage.tokens -= tokens;
        Ok(())
    }

    /// A key with a full bucket and no request is as one that was never used.
    fn forget_resting(&self, state: &mut State, now: Instant) {
        if state.of_keys.len() < state.forget_at.max(FORGET_FROM) {
            return;
        }
        state.of_keys.retain(|_, usage| {
            self.refill(usage, now);
            usage.running > 0 || usage.tokens < self.burst
        });
        state.forget_at = 2 * state.of_keys.len();
    }
}

impl Running {
    /// Takes tokens for further operations: all of them, or none.
    pub(super) fn take_more(&self, operations: usize) -> Result<(), ApiError> {
        let mut state = self.usages.state.lock();
        let Some(usage) = state.of_keys.get_mut(&self.key) else { return Ok(()) };
        self.usages.refill(usage, Instant::now());
        // One has been taken already. A batch that is larger than the bucket empties it.
        let tokens = (operations as f64).min(self.usages.burst - 1.0);
        self.usages.take(usage, tokens)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(usage) = self.usages.state.lock().of_keys.get_mut(&self.key) {
            usage.running -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    fn usages(requests_per_second: u32, burst: u32, concurrent_requests_max: u32) -> Arc<Usages> {
        let config = PublishingConfig {
            requests_per_second,
            burst,
            concurrent_requests_max,
            ..Default::default()
        };
        Arc::new(Usages::new(&config))
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_come_back_with_time_and_each_key_has_its_own() {
        let usages = usages(2, 3, 10);
        for _ in 0..3 {
            assert!(usages.begin("a").is_ok());
        }
        let refused = usages.begin("a").unwrap_err();
        let expected = ErrorCode::RateLimited.error().retry_after(Duration::from_millis(500));
        assert_eq!(refused, expected);
        assert!(usages.begin("b").is_ok());
        advance(Duration::from_millis(499)).await;
        assert!(usages.begin("a").is_err());
        advance(Duration::from_millis(1)).await;
        assert!(usages.begin("a").is_ok() && usages.begin("a").is_err());
        advance(Duration::from_secs(3600)).await;
        assert_eq!((0..9).filter(|_| usages.begin("a").is_ok()).count(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_takes_a_token_an_operation_or_none() {
        let usages = usages(1, 5, 10);
        let running = usages.begin("a").unwrap();
        assert!(running.take_more(4).is_ok());
        assert!(running.take_more(1).is_err());
        advance(Duration::from_secs(3)).await;
        let again = usages.begin("a").unwrap();
        assert!(again.take_more(3).is_err() && again.take_more(2).is_ok());
        // Larger than the bucket: possible, when it is full.
        advance(Duration::from_secs(5)).await;
        let large = usages.begin("a").unwrap();
        assert!(large.take_more(99).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn requests_at_the_same_time_are_counted_until_they_are_answered() {
        let usages = usages(100, 100, 2);
        let (first, _second) = (usages.begin("a").unwrap(), usages.begin("a").unwrap());
        assert_eq!(usages.begin("a").unwrap_err().code, ErrorCode::TooManyAtOnce);
        assert!(usages.begin("b").is_ok());
        drop(first);
        assert!(usages.begin("a").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn keys_that_rest_are_forgotten() {
        let usages = usages(1, 1, 1);
        let running = usages.begin("busy").unwrap();
        for n in 0..3 * FORGET_FROM {
            assert!(usages.begin(&n.to_string()).is_ok());
            advance(Duration::from_secs(1)).await;
        }
        assert!(usages.state.lock().of_keys.len() <= FORGET_FROM);
        assert!(usages.state.lock().of_keys.contains_key("busy"));
        drop(running);
    }
}

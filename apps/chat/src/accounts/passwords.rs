//! Passwords: of each only what argon2id makes of it is kept, as a PHC string.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use crate::refusal::Refused;

/// How many are worked on or wait at once.
const PLACES: usize = 32;

/// The one who turns passwords into what is kept of them, and compares.
#[derive(Clone, Debug)]
pub struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Self {
        Passwords(Arc::new(Semaphore::new(PLACES)))
    }
}

impl Passwords {
    /// What is to be kept of a password, as a PHC string.
    ///
    /// # Errors
    /// `too_fast`: too many wait.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, Refused> {
        let password = password.to_owned();
        let hash = move || {
            Argon2::default().hash_password(password.as_bytes()).ok().map(|hash| hash.to_string())
        };
        self.work(hash).await?.ok_or(Refused::Storage)
    }

    /// Whether it is the password of which this is kept.
    ///
    /// # Errors
    /// `too_fast`: too many wait.
    pub(crate) async fn verify(&self, password: &str, kept: Option<&str>) -> Result<bool, Refused> {
        let Some(kept) = kept.map(str::to_owned) else { return Ok(false) };
        let password = password.to_owned();
        let verify = move || {
            let kept = PasswordHash::new(&kept);
            kept.is_ok_and(|kept| {
                Argon2::default().verify_password(password.as_bytes(), &kept).is_ok()
            })
        };
        self.work(verify).await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let place = Arc::clone(&self.0).try_acquire_owned();
        let place = place.map_err(|_| Refused::TooFast(Duration::from_secs(1)))?;
        let done = tokio::task::spawn_blocking(move || {
            let _held = place;
            work()
        });
        done.await.map_err(|_| Refused::Storage)
    }
}

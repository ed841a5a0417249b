//! Passwords: of each only what argon2id makes of it is kept, as a PHC string.
//!
//! That takes a core some ten milliseconds and 19 MiB, on purpose. So it is done away from the event loop, by few at
//! a time, and of those who wait there are only so many.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unicode_normalization::UnicodeNormalization as _;

use super::contract::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use crate::refusal::Refused;

/// How many are worked on at once.
const AT_ONCE_MAX: usize = 2;
/// How many wait beyond that; whoever comes then is to try again.
const WAITING_MAX: usize = 64;
/// When to try again. Far fewer than those who wait are done by then, so not everybody gets in.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// The one who turns passwords into what is kept of them, and compares.
#[derive(Clone, Debug)]
pub struct Passwords(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    params: Params,
    /// Compared with where nobody has a password, so that this takes as long.
    nobodys: String,
    /// Places for those who are worked on and those who wait.
    places: Arc<Semaphore>,
    /// Places for those who are worked on.
    work: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Passwords::new(Params::DEFAULT)
    }
}

impl Passwords {
    fn new(params: Params) -> Self {
        let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
        // A salt of 16 bytes and an output of 32, which no password is known to lead to.
        let (salt, output) = ("A".repeat(22), "A".repeat(43));
        let inner = Inner {
            params,
            nobodys: format!("$argon2id$v=19$m={m},t={t},p={p}${salt}${output}"),
            places: Arc::new(Semaphore::new(AT_ONCE_MAX + WAITING_MAX)),
            work: Arc::new(Semaphore::new(AT_ONCE_MAX)),
        };
        Passwords(Arc::new(inner))
    }

    /// Ones that cost next to nothing.
    #[cfg(test)]
    pub(crate) fn weak() -> Self {
        Passwords::new(Params::new(Params::MIN_M_COST, 1, 1, None).unwrap())
    }

    /// What is to be kept of a password, as a PHC string. How long it may be is the caller's business.
    ///
    /// # Errors
    /// `too_fast`: too many wait.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, Refused> {
        let (password, params) = (normalized(password), self.0.params.clone());
        let hashed = self.work(move || {
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            argon2.hash_password(password.as_bytes()).map(|hash| hash.to_string())
        });
        hashed.await?.map_err(|error| {
            tracing::error!(%error, "a password could not be hashed");
            Refused::Storage
        })
    }

    /// Whether it is the password of which this is kept. Without anything kept it is not, and that takes as long.
    ///
    /// # Errors
    /// `too_fast`: too many wait.
    pub(crate) async fn verify(&self, password: &str, kept: Option<&str>) -> Result<bool, Refused> {
        let is_somebodys = kept.is_some() && password.len() <= PASSWORD_BYTES_MAX;
        let kept = kept.filter(|_| is_somebodys).unwrap_or(&self.0.nobodys).to_owned();
        // What is too long is nobody's, and costs no more than the longest.
        let password = if is_somebodys { normalized(password) } else { String::new() };
        let is_equal = self.work(move || match PasswordHash::new(&kept) {
            Ok(kept) => Argon2::default().verify_password(password.as_bytes(), &kept).is_ok(),
            Err(error) => {
                tracing::error!(%error, "what is kept of a password cannot be read");
                false
            }
        });
        Ok(is_equal.await? && is_somebodys)
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let place = Arc::clone(&self.0.places).try_acquire_owned();
        let place = place.map_err(|_| Refused::TooFast(RETRY_AFTER))?;
        let turn = Arc::clone(&self.0.work).acquire_owned().await;
        let turn = turn.map_err(|_| Refused::Storage)?;
        // Whoever asked may be gone: the work goes on, and so it keeps its places.
        let done = tokio::task::spawn_blocking(move || {
            let _held: [OwnedSemaphorePermit; 2] = [place, turn];
            work()
        });
        done.await.map_err(|error| {
            tracing::error!(%error, "work on a password ended early");
            Refused::Storage
        })
    }
}

/// Refuses what cannot be the password of an account.
pub(crate) fn check(password: &str) -> Result<(), Refused> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(Refused::PasswordLong);
    }
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return Err(Refused::PasswordShort);
    }
    Ok(())
}

/// The one form of what can be typed in several: Korean and accents, whole or in parts (RFC 8265 §4.2 has another
/// form, NIST SP 800-63B §5.1.1.2 this one).
fn normalized(password: &str) -> String {
    password.nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_itself_is_right() {
        let passwords = Passwords::weak();
        let kept = passwords.hash("correct horse").await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$"), "{kept}");
        assert_ne!(kept, passwords.hash("correct horse").await.unwrap(), "it is salted");
        assert!(passwords.verify("correct horse", Some(&kept)).await.unwrap());
        for wrong in ["", "correct hors", "correct horse ", "Correct horse"] {
            assert!(!passwords.verify(wrong, Some(&kept)).await.unwrap(), "{wrong:?}");
        }
        assert!(!passwords.verify("correct horse", None).await.unwrap());
        assert!(!passwords.verify("", None).await.unwrap());
        assert!(!passwords.verify("x", Some("no hash")).await.unwrap());
    }

    #[tokio::test]
    async fn a_password_is_the_same_from_every_keyboard() {
        let passwords = Passwords::weak();
        let kept = passwords.hash("비밀번호é").await.unwrap();
        let apart: String = "비밀번호é".nfd().collect();
        assert_ne!(apart, "비밀번호é");
        assert!(passwords.verify(&apart, Some(&kept)).await.unwrap());
    }

    #[tokio::test]
    async fn the_longest_one_counts_to_its_end() {
        let passwords = Passwords::weak();
        let longest = "x".repeat(PASSWORD_BYTES_MAX);
        let kept = passwords.hash(&longest).await.unwrap();
        assert!(passwords.verify(&longest, Some(&kept)).await.unwrap());
        assert!(!passwords.verify(&longest[1..], Some(&kept)).await.unwrap());
        assert!(!passwords.verify(&format!("{longest}x"), Some(&kept)).await.unwrap());
    }

    #[tokio::test]
    async fn so_many_wait_and_no_more() {
        let passwords = Passwords::weak();
        let turns = Arc::clone(&passwords.0.work).acquire_many_owned(2).await.unwrap();
        let waiting: Vec<_> = (0..AT_ONCE_MAX + WAITING_MAX)
            .map(|_| {
                let passwords = passwords.clone();
                tokio::spawn(async move { passwords.hash("password").await })
            })
            .collect();
        while passwords.0.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = passwords.hash("password").await.unwrap_err();
        assert!(matches!(refused, Refused::TooFast(_)), "{refused}");
        let refused = passwords.verify("password", None).await.unwrap_err();
        assert!(matches!(refused, Refused::TooFast(_)), "{refused}");
        drop(turns);
        for waiting in waiting {
            waiting.await.unwrap().unwrap();
        }
        passwords.hash("password").await.unwrap();
    }

    #[test]
    fn what_nobody_has_costs_as_much() {
        let passwords = Passwords::default();
        let nobodys = PasswordHash::new(&passwords.0.nobodys).unwrap();
        assert_eq!(Params::try_from(&nobodys).unwrap().m_cost(), Params::DEFAULT_M_COST);
        assert_eq!(Params::try_from(&nobodys).unwrap().t_cost(), Params::DEFAULT_T_COST);
    }

    #[test]
    fn lengths_at_the_edge() {
        let is_ok = |password: &str| check(password).is_ok();
        assert!(is_ok("12345678") && !is_ok("1234567"));
        assert!(is_ok("여덟글자비밀번호") && !is_ok("일곱글자비밀번"));
        assert!(is_ok(&"x".repeat(256)) && !is_ok(&"x".repeat(257)));
    }
}

//! What a handler may return as its error.

use std::error::Error;
use std::fmt;

/// An error that a handler or a rule may return in a `Result`, `E` being what it becomes:
/// [`EventError`](crate::EventError) or [`Refuse`](crate::Refuse).
///
/// These are: `EventError` and `Refuse`; every [`Error`] that is `Send + Sync`; `anyhow::Error`;
/// `Box<dyn Error + Send + Sync>`; `String` and `&str`; and `Box<dyn Error>`, of which the chain of
/// texts is kept, as the error itself cannot leave its thread. But for the first two the peer learns
/// only that something failed.
///
/// `M` is a mark of how the type is one, which the compiler finds. `?` in a function that returns
/// `Result<_, EventError>` takes all of them but `Box<dyn Error>`.
///
/// ```
/// use std::error::Error;
///
/// use sockeye_socket_proto::{Ack, EventError, IntoError};
///
/// async fn length(path: String) -> Result<Ack<u64>, Box<dyn Error>> {
///     if path.is_empty() {
///         return Err("a path is not empty".into());
///     }
///     Ok(Ack(std::fs::metadata(path)?.len()))
/// }
///
/// let error: EventError = Box::<dyn Error>::from("the disk is full").into_error();
/// assert_eq!(error.code(), "internal");
/// assert_eq!(error.to_string(), "this event could not be handled (internal): the disk is full");
/// # let _ = length;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error that becomes `{E}`",
    label = "not an error for a handler",
    note = "a handler may return `EventError`, `Refuse`, any type that is `std::error::Error + Send + Sync`, `anyhow::Error` or `Box<dyn Error>`; implement `std::error::Error` for `{Self}`, or `From<{Self}>` for `{E}`"
)]
pub trait IntoError<E, M> {
    #[doc(hidden)]
    fn into_error(self) -> E;
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Direct;
#[doc(hidden)]
#[derive(Debug)]
pub struct Boxed;

impl<E, F: Into<E>> IntoError<E, Direct> for F {
    fn into_error(self) -> E {
        self.into()
    }
}

impl<E: From<ErrorTexts>> IntoError<E, Boxed> for Box<dyn Error> {
    fn into_error(self) -> E {
        ErrorTexts::of(&*self).into()
    }
}

/// The texts of an error and of its causes.
#[doc(hidden)]
#[derive(Debug)]
pub struct ErrorTexts {
    text: String,
    cause: Option<Box<ErrorTexts>>,
}

impl ErrorTexts {
    fn of(error: &dyn Error) -> Self {
        let cause = error.source().map(|cause| Box::new(ErrorTexts::of(cause)));
        Self { text: error.to_string(), cause }
    }
}

impl fmt::Display for ErrorTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for ErrorTexts {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &dyn Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{EventError, Refuse};

    #[derive(Debug)]
    struct Login(std::io::Error);

    impl fmt::Display for Login {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the login failed")
        }
    }

    impl Error for Login {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    fn login() -> Login {
        Login(std::io::Error::other("the disk is full"))
    }

    #[test]
    fn every_habit_becomes_an_internal_error_with_its_causes() {
        let boxed: Box<dyn Error> = Box::new(login());
        let sendable: Box<dyn Error + Send + Sync> = Box::new(login());
        let errors: [EventError; 4] = [
            login().into_error(),
            boxed.into_error(),
            sendable.into_error(),
            anyhow::Error::new(login()).into_error(),
        ];
        for error in errors {
            assert!(error.is_internal());
            assert_eq!(error.message(), "this event could not be handled");
            let logged = error.to_string();
            assert!(logged.ends_with(": the login failed: the disk is full"), "{logged}");
        }
        let texts: [EventError; 2] = ["no".into_error(), String::from("no").into_error()];
        assert!(texts.iter().all(|error| error.to_string().ends_with("(internal): no")));
    }

    #[test]
    fn the_same_refuse_a_connection_without_a_word_about_the_cause() {
        let boxed: Box<dyn Error> = Box::new(login());
        let refusals: [Refuse; 3] =
            [login().into_error(), boxed.into_error(), anyhow::Error::new(login()).into_error()];
        for refusal in refusals {
            assert!(refusal.is_internal());
            assert_eq!(refusal.message(), "whether you may come in could not be decided");
            let cause = refusal.source().unwrap();
            assert_eq!(cause.to_string(), "the login failed");
            assert_eq!(cause.source().unwrap().to_string(), "the disk is full");
        }
    }
}

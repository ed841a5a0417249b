//! The way out: errors of handlers as `anyhow::Error`. (The way in needs no feature.)

use std::error::Error;
use std::fmt;

use super::event_error::EventError;
use super::refuse::Refuse;

/// Inside of an `anyhow::Error` it is an error like others: a handler that returns it answers with
/// the code `internal`. Its texts and causes are kept.
///
/// ```
/// use sockeye_socket_proto::EventError;
///
/// fn check(name: &str) -> Result<(), EventError> {
///     if name.is_empty() { Err(EventError::new("empty", "a name is not empty")) } else { Ok(()) }
/// }
///
/// fn rename(name: &str) -> anyhow::Result<()> {
///     check(name)?;
///     Ok(())
/// }
/// assert_eq!(rename("").unwrap_err().to_string(), "a name is not empty (empty)");
/// ```
impl From<EventError> for anyhow::Error {
    fn from(error: EventError) -> Self {
        anyhow::Error::new(Outward(error))
    }
}

/// As an [`EventError`] is.
impl From<Refuse> for anyhow::Error {
    fn from(refusal: Refuse) -> Self {
        EventError::from(refusal).into()
    }
}

/// An [`EventError`] as an `Error`, which it is not itself, so that `?` makes one of every error.
#[derive(Debug)]
struct Outward(EventError);

impl fmt::Display for Outward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0.message(), self.0.code())
    }
}

impl Error for Outward {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source().map(|source| source as &dyn Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_causes_are_still_there() {
        let failed = EventError::from(std::io::Error::other("no disk"));
        let error = anyhow::Error::from(failed);
        assert_eq!(format!("{error:#}"), "this event could not be handled (internal): no disk");
        let error = anyhow::Error::from(Refuse::new("not you"));
        assert_eq!(format!("{error:#}"), "not you (refused)");
    }
}

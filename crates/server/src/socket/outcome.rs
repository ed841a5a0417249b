//! Outcomes of requests: the answer, or why there is none.

use std::borrow::Cow;

use sockeye_socket_proto::{FromArgs, RawArgs};

use crate::error::AckError;

/// The outcome of one request.
pub(crate) type Outcome = Result<RawArgs, NoAnswer>;

/// Why a request was not answered. Whoever asked knows which event it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    Timeout,
    Disconnected,
    /// The socket may not be asked more.
    Full {
        limit: usize,
    },
}

impl NoAnswer {
    /// The error for whoever sent the event.
    pub(crate) fn of(self, event: Cow<'static, str>) -> AckError {
        match self {
            Self::Timeout => AckError::Timeout { event },
            Self::Disconnected => AckError::Disconnected { event },
            Self::Full { limit } => AckError::Full { limit },
        }
    }
}

/// The event of one question, as its errors call it.
#[derive(Debug)]
pub(crate) struct Question(pub(crate) Cow<'static, str>);

impl Question {
    /// The value of an outcome.
    pub(crate) fn decode<A: FromArgs>(&self, outcome: Outcome) -> Result<A, AckError> {
        match outcome {
            Ok(args) => args.decode_ack(&self.0),
            Err(no_answer) => Err(self.error(no_answer)),
        }
    }

    pub(crate) fn error(&self, no_answer: NoAnswer) -> AckError {
        no_answer.of(self.0.clone())
    }
}

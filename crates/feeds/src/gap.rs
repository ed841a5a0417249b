//! What was lost, and how that is said.

use std::fmt::Write as _;

use crate::cursor::Cursor;

/// Why a reader cannot go on where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// What comes next is not kept any more, see [`History`](crate::History).
    TooOld,
    /// The cursor is of another stream, or from before a restart.
    Foreign,
    /// The text is no cursor.
    Malformed,
    /// The namespace or the stream is no more.
    Gone,
    /// The reader takes what it gets too slowly, or there is no place for one more.
    Overload,
}

impl GapReason {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooOld => "too_old",
            Self::Foreign => "foreign",
            Self::Malformed => "malformed",
            Self::Gone => "gone",
            Self::Overload => "overload",
        }
    }

    /// What there is to do about it.
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::TooOld => {
                "events before `oldest` are not kept any more: go on from there, and fetch what was missed elsewhere"
            }
            Self::Foreign => {
                "this cursor is of another feed, or from before a restart: go on from `oldest`"
            }
            Self::Malformed => {
                "this is no cursor: take one from `Stream-Next-Offset` or an `id`, or use -1 or now"
            }
            Self::Gone => "this feed is no more",
            Self::Overload => "too slow, or too many readers: come back later",
        }
    }
}

/// What a reader is told of a loss, and where it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) reason: GapReason,
    /// Before the oldest event that is kept; `None` where there is no stream.
    pub(crate) oldest: Option<Cursor>,
    /// Behind the newest.
    pub(crate) newest: Option<Cursor>,
}

impl Gap {
    /// `{"reason":"too_old","oldest":"..","newest":".."}`
    pub(crate) fn to_json(self) -> String {
        format!("{{{}}}", self.fields())
    }

    /// The same with an error for people, as polls answer it.
    pub(crate) fn to_error_json(self) -> String {
        let (code, message) = (self.reason.as_str(), self.reason.message());
        format!("{{\"error\":{{\"code\":\"{code}\",\"message\":\"{message}\"}},{}}}", self.fields())
    }

    fn fields(self) -> String {
        let mut fields = format!("\"reason\":\"{}\"", self.reason.as_str());
        for (name, cursor) in [("oldest", self.oldest), ("newest", self.newest)] {
            // Writing to a string does not fail.
            let _ = match cursor {
                Some(cursor) => write!(fields, ",\"{name}\":\"{cursor}\""),
                None => write!(fields, ",\"{name}\":null"),
            };
        }
        fields
    }
}

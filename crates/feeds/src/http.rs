//! Requests and answers: which road is asked for, and what is said on it.

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod query;
pub(crate) mod read;
pub(crate) mod write;

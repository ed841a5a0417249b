//! Publishing over HTTP.

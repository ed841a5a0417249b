//! Stands for `encryption` in builds without the feature `tls`: no connection is encrypted there.

use std::io;

use super::super::settings::Settings;
use super::super::timed_tcp::TimedTcp;

pub(super) type Encrypted = TimedTcp;

#[derive(Clone)]
pub(super) enum Encryption {}

impl Encryption {
    pub(super) const fn of(_: &Settings) -> Option<Self> {
        None
    }

    pub(super) async fn watch(&self) {
        match *self {}
    }

    pub(super) async fn accept(&self, _: TimedTcp) -> io::Result<(Encrypted, bool)> {
        match *self {}
    }
}

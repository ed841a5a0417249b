//! Stands for `http2` in builds without that feature: nobody speaks it there.

use tokio::sync::watch;

use super::super::service::HyperService;
use super::super::settings::Settings;
use super::super::timed_tcp::TimedTcp;

#[derive(Clone)]
pub(super) enum Http2 {}

impl Http2 {
    pub(super) const fn of(_: &Settings) -> Option<Self> {
        None
    }

    pub(super) const fn is_expected(&self) -> bool {
        match *self {}
    }

    pub(super) async fn is_spoken(&self, _: &TimedTcp) -> bool {
        match *self {}
    }

    pub(super) async fn serve<I, S>(&self, _: I, _: HyperService<S>, _: watch::Receiver<()>) {
        match *self {}
    }
}

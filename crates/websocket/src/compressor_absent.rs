//! Stands for `compressor` in builds without the feature `deflate`.

use bytes::Bytes;
use sockeye_ws::{Opcode, Role};

use crate::compression::Negotiated;
use crate::config::Config;

#[derive(Debug)]
pub(crate) enum Compressor {}

#[derive(Debug, Default)]
pub(crate) struct SharedFrames;

impl SharedFrames {
    pub(crate) const fn new() -> Self {
        Self
    }
}

impl Compressor {
    pub(crate) const fn new(_: Role, negotiated: &Negotiated, _: &Config) -> Option<Box<Self>> {
        match *negotiated {}
    }

    pub(crate) fn applies_to(&self, _: Opcode, _: &[u8]) -> bool {
        match *self {}
    }

    pub(crate) const fn context_takeover(&self) -> bool {
        match *self {}
    }

    pub(crate) fn encode_frame(&self, _: Opcode, _: &[u8], _: Option<[u8; 4]>, _: &mut Vec<u8>) {
        match *self {}
    }

    pub(crate) fn shared_frame(&self, _: Opcode, _: &[u8], _: &mut SharedFrames) -> Option<Bytes> {
        match *self {}
    }
}

//! Stands for `inflater` in builds without the feature `deflate`: nothing is ever compressed there.

use crate::error::ProtocolError;

#[derive(Debug)]
pub(crate) enum Inflater {}

impl Inflater {
    pub(crate) fn inflate(&mut self, _: &[u8], _: usize) -> Result<Vec<u8>, ProtocolError> {
        match *self {}
    }
}

//! The plain roads to a Socket.IO server.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(feature = "publishing")]
#[cfg_attr(docsrs, doc(cfg(feature = "publishing")))]
pub mod publish;

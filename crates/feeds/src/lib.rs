//! The plain roads to a Socket.IO server.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

/// The guide, a chapter a module.
pub mod guide {
    #[cfg(feature = "publishing")]
    #[doc = include_str!("../guide/publishing.md")]
    pub mod publishing {}
}

#[cfg(feature = "publishing")]
#[cfg_attr(docsrs, doc(cfg(feature = "publishing")))]
pub mod publish;

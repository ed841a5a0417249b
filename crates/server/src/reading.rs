//! In which form a client speaks, and reading it.

use std::sync::Arc;

use sockeye_engine::Message;
use sockeye_socket_proto::{Audience, DecodeError, Decoder, Incoming, PacketDecoder, Parser};

use crate::config::Config;
use crate::link::Link;
use crate::revision::is_old;

/// | | first message text | first message binary | client of Socket.IO 2 |
/// |---|---|---|---|
/// | no parser | JSON | JSON | JSON |
/// | a parser for everybody | parser | parser | parser |
/// | a parser for binary | JSON | parser | JSON |
pub(crate) enum Reading {
    Json(Decoder),
    Parser(Box<dyn PacketDecoder>),
    /// Until the first message.
    Undecided(Arc<Config>),
}

impl Reading {
    pub(crate) fn new(config: &Arc<Config>, link: &Link) -> Self {
        match &config.parser {
            Some(parser) if parser.audience() == Audience::Everybody => {
                Self::parser(parser, config, link)
            }
            Some(_) if !is_old(&link.session) => Reading::Undecided(config.clone()),
            _ => Reading::Json(Decoder::new(config.packet_limits)),
        }
    }

    pub(crate) fn handle<'a>(
        &'a mut self,
        message: Message<'a>,
        link: &Link,
    ) -> Result<Option<Incoming<'a>>, DecodeError> {
        if let Reading::Undecided(config) = self {
            *self = match (&config.parser, message) {
                (Some(parser), Message::Binary(_)) => Self::parser(parser, config, link),
                _ => Reading::Json(Decoder::new(config.packet_limits)),
            };
        }
        match (self, message) {
            (Reading::Json(decoder), Message::Text(text)) => decoder.handle_text(text),
            (Reading::Json(decoder), Message::Binary(data)) => decoder.handle_binary(data),
            (Reading::Parser(decoder), Message::Text(text)) => decoder.handle_text(text),
            (Reading::Parser(decoder), Message::Binary(data)) => decoder.handle_binary(data),
            (Reading::Undecided(_), _) => Ok(None),
        }
    }

    /// Whether messages are missing that belong to the last packet.
    pub(crate) fn is_waiting(&self) -> bool {
        match self {
            Reading::Json(decoder) => decoder.is_waiting(),
            Reading::Parser(decoder) => decoder.is_waiting(),
            Reading::Undecided(_) => false,
        }
    }

    /// Frees what only the last packet needed.
    pub(crate) fn release(&mut self) {
        match self {
            Reading::Json(decoder) => decoder.release(),
            Reading::Parser(decoder) => decoder.release(),
            Reading::Undecided(_) => {}
        }
    }

    fn parser(parser: &Arc<dyn Parser>, config: &Config, link: &Link) -> Self {
        link.speak(parser);
        Reading::Parser(parser.decoder(config.packet_limits))
    }
}

//! The reader of a client's packets, in the form that the client uses.

use std::sync::Arc;

use sockeye_engine::Message;
use sockeye_socket_proto::{Audience, DecodeError, Decoder, Incoming, PacketDecoder, Parser};

use super::link::SessionLink;
use super::v2::is_v2;
use crate::server::config::Config;

/// | | first message text | first message binary | client of Socket.IO 2 |
/// |---|---|---|---|
/// | no parser | JSON | JSON | JSON |
/// | a parser for everybody | parser | parser | parser |
/// | a parser for binary | JSON | parser | JSON |
pub(crate) enum PacketReader {
    Json(Decoder),
    Parser(Box<dyn PacketDecoder>),
    /// Until the first message.
    Undecided(Arc<Config>),
}

impl PacketReader {
    pub(crate) fn new(config: &Arc<Config>, link: &SessionLink) -> Self {
        match &config.parser {
            Some(parser) if parser.audience() == Audience::Everybody => {
                Self::parser(parser, config, link)
            }
            Some(_) if !is_v2(&link.session) => PacketReader::Undecided(Arc::clone(config)),
            _ => PacketReader::Json(Decoder::new(config.packet_limits)),
        }
    }

    pub(crate) fn handle<'a>(
        &'a mut self,
        message: Message<'a>,
        link: &SessionLink,
    ) -> Result<Option<Incoming<'a>>, DecodeError> {
        if let PacketReader::Undecided(config) = self {
            *self = match (&config.parser, message) {
                (Some(parser), Message::Binary(_)) => Self::parser(parser, config, link),
                _ => PacketReader::Json(Decoder::new(config.packet_limits)),
            };
        }
        match (self, message) {
            (PacketReader::Json(decoder), Message::Text(text)) => decoder.handle_text(text),
            (PacketReader::Json(decoder), Message::Binary(data)) => decoder.handle_binary(data),
            (PacketReader::Parser(decoder), Message::Text(text)) => decoder.handle_text(text),
            (PacketReader::Parser(decoder), Message::Binary(data)) => decoder.handle_binary(data),
            (PacketReader::Undecided(_), _) => Ok(None),
        }
    }

    /// Whether attachments of the last packet are missing.
    pub(crate) fn is_waiting(&self) -> bool {
        match self {
            PacketReader::Json(decoder) => decoder.is_waiting(),
            PacketReader::Parser(decoder) => decoder.is_waiting(),
            PacketReader::Undecided(_) => false,
        }
    }

    /// Frees the memory that only the last packet needed.
    pub(crate) fn release(&mut self) {
        match self {
            PacketReader::Json(decoder) => decoder.release(),
            PacketReader::Parser(decoder) => decoder.release(),
            PacketReader::Undecided(_) => {}
        }
    }

    fn parser(parser: &Arc<dyn Parser>, config: &Config, link: &SessionLink) -> Self {
        link.speak(parser);
        PacketReader::Parser(parser.decoder(config.packet_limits))
    }
}

//! Negotiation of permessage-deflate (RFC 7692 §7.1).
//!
//! | parameter                    | in an offer                       | in the answer                    |
//! |------------------------------|-----------------------------------|----------------------------------|
//! | `server_no_context_takeover` | the answer has to have it         | always allowed                   |
//! | `client_no_context_takeover` | a hint                            | always allowed                   |
//! | `server_max_window_bits`     | needs a value; the answer has to have at most that | needs a value |
//! | `client_max_window_bits`     | may have a value, a hint          | needs a value, and to be offered |
//!
//! An offer with anything else, a parameter twice or an illegal value is passed over; the server takes
//! the first offer it can. An answer like that ends the connection.

use std::fmt::Write as _;

use http::header::{HeaderMap, HeaderValue};

use super::client::ResponseError;
use super::extension::{Extension, MalformedExtensions, extensions};
use crate::connection::Role;

/// The largest window of DEFLATE, 2^15 bytes, and what counts where none is named.
const WINDOW_BITS_MAX: u8 = 15;
/// The smallest window the compressor can do. RFC 7692 allows 8.
const WINDOW_BITS_MIN: u8 = 9;

const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// What one end would like: the answers of a server, the offer of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Preferences {
    /// The server forgets each message when it compresses the next. Costs ratio, saves a compressor
    /// for each connection. Default: true.
    pub server_no_context_takeover: bool,
    /// The client forgets each message when it compresses the next. Default: true.
    pub client_no_context_takeover: bool,
    /// The base-2 logarithm of the server's window in bytes, 9 to 15; others count as the nearest of
    /// these. Default: 15.
    pub server_max_window_bits: u8,
    /// The same of the client's window. A server can ask for less than 15 only where the client
    /// offered that. Default: 15.
    pub client_max_window_bits: u8,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: WINDOW_BITS_MAX,
            client_max_window_bits: WINDOW_BITS_MAX,
        }
    }
}

/// What both ends agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parameters {
    /// The server's messages are compressed each for itself.
    pub server_no_context_takeover: bool,
    /// The client's messages are compressed each for itself.
    pub client_no_context_takeover: bool,
    /// The base-2 logarithm of the largest window the server compresses with, 9 to 15.
    pub server_max_window_bits: u8,
    /// The base-2 logarithm of the largest window the client compresses with, 8 to 15.
    pub client_max_window_bits: u8,
}

impl Parameters {
    /// How `role` compresses: with the context of earlier messages or not, and the window's bits.
    pub(crate) const fn of_sender(&self, role: Role) -> (bool, u8) {
        match role {
            Role::Server => (!self.server_no_context_takeover, self.server_max_window_bits),
            Role::Client => (!self.client_no_context_takeover, self.client_max_window_bits),
        }
    }
}

impl Preferences {
    /// Answers a client's offers. `None`: there is none that can be taken, and nothing is compressed.
    /// The value is the response's `Sec-WebSocket-Extensions`.
    ///
    /// # Errors
    ///
    /// When the request's header is malformed: the handshake has to be refused.
    pub fn accept(
        &self,
        request: &HeaderMap,
    ) -> Result<Option<(Parameters, HeaderValue)>, MalformedExtensions> {
        let mut accepted = None;
        for extension in extensions(request) {
            let extension = extension?;
            if accepted.is_none() && extension.name() == NAME {
                accepted = Offer::read(&extension).and_then(|offer| self.answer(&offer));
            }
        }
        Ok(accepted)
    }

    /// The value of `Sec-WebSocket-Extensions` in a client's request.
    pub fn offer(&self) -> HeaderValue {
        let wanted = self.in_range();
        let mut text = wanted.flags_text();
        if wanted.server_max_window_bits < WINDOW_BITS_MAX {
            push_bits(&mut text, SERVER_MAX_WINDOW_BITS, wanted.server_max_window_bits);
        }
        if wanted.client_max_window_bits < WINDOW_BITS_MAX {
            push_bits(&mut text, CLIENT_MAX_WINDOW_BITS, wanted.client_max_window_bits);
        } else {
            push(&mut text, CLIENT_MAX_WINDOW_BITS);
        }
        header_value(&text)
    }

    /// Checks the server's answer to [`offer`](Self::offer). `None`: the server does not compress.
    ///
    /// # Errors
    ///
    /// When it is not an answer to that offer: the connection has to be closed (RFC 7692 §5.1).
    pub fn check(&self, response: &HeaderMap) -> Result<Option<Parameters>, ResponseError> {
        let mut found = extensions(response);
        let Some(first) = found.next() else {
            return Ok(None);
        };
        let extension = first.map_err(|_| ResponseError::Extension)?;
        if extension.name() != NAME || found.next().is_some() {
            return Err(ResponseError::Extension);
        }
        let answer = Offer::read(&extension).ok_or(ResponseError::ExtensionParameters)?;
        self.agreed(&answer).map(Some).ok_or(ResponseError::ExtensionParameters)
    }

    fn answer(&self, offer: &Offer) -> Option<(Parameters, HeaderValue)> {
        let wanted = self.in_range();
        let most = offer.server_max_window_bits.unwrap_or(WINDOW_BITS_MAX);
        if most < WINDOW_BITS_MIN {
            return None;
        }
        let mut agreed = Parameters {
            server_no_context_takeover: wanted.server_no_context_takeover
                || offer.server_no_context_takeover,
            client_no_context_takeover: wanted.client_no_context_takeover
                || offer.client_no_context_takeover,
            server_max_window_bits: wanted.server_max_window_bits.min(most),
            client_max_window_bits: WINDOW_BITS_MAX,
        };
        let mut text = agreed.flags_text();
        if agreed.server_max_window_bits < WINDOW_BITS_MAX || offer.server_max_window_bits.is_some()
        {
            push_bits(&mut text, SERVER_MAX_WINDOW_BITS, agreed.server_max_window_bits);
        }
        // A client that did not name it might not know what to do with it.
        if let Some(hint) = offer.client_max_window_bits {
            agreed.client_max_window_bits =
                wanted.client_max_window_bits.min(hint.unwrap_or(WINDOW_BITS_MAX));
            if agreed.client_max_window_bits < WINDOW_BITS_MAX {
                push_bits(&mut text, CLIENT_MAX_WINDOW_BITS, agreed.client_max_window_bits);
            }
        }
        Some((agreed, header_value(&text)))
    }

    fn agreed(&self, answer: &Offer) -> Option<Parameters> {
        let wanted = self.in_range();
        if wanted.server_no_context_takeover && !answer.server_no_context_takeover {
            return None;
        }
        let server_bits = answer.server_max_window_bits.unwrap_or(WINDOW_BITS_MAX);
        let client_bits = match answer.client_max_window_bits {
            None => wanted.client_max_window_bits,
            Some(bits) => bits?,
        };
        if server_bits > wanted.server_max_window_bits
            || client_bits > wanted.client_max_window_bits
        {
            return None;
        }
        Some(Parameters {
            server_no_context_takeover: answer.server_no_context_takeover,
            // The server need not know that we forget.
            client_no_context_takeover: wanted.client_no_context_takeover
                || answer.client_no_context_takeover,
            server_max_window_bits: server_bits,
            client_max_window_bits: client_bits,
        })
    }

    fn in_range(&self) -> Parameters {
        let clamp = |bits: u8| bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX);
        Parameters {
            server_no_context_takeover: self.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover,
            server_max_window_bits: clamp(self.server_max_window_bits),
            client_max_window_bits: clamp(self.client_max_window_bits),
        }
    }
}

impl Parameters {
    fn flags_text(&self) -> String {
        let mut text = NAME.to_owned();
        if self.server_no_context_takeover {
            push(&mut text, SERVER_NO_CONTEXT_TAKEOVER);
        }
        if self.client_no_context_takeover {
            push(&mut text, CLIENT_NO_CONTEXT_TAKEOVER);
        }
        text
    }
}

/// The parameters of one element of the header, an offer or the answer to one.
#[derive(Debug, Default)]
struct Offer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// The outer: whether it is there; the inner: its value.
    client_max_window_bits: Option<Option<u8>>,
}

impl Offer {
    /// `None` for an unknown parameter, one given twice, or an illegal value (RFC 7692 §7.1).
    fn read(extension: &Extension<'_>) -> Option<Self> {
        let mut offer = Self::default();
        for (name, value) in extension.parameters() {
            let value = value.as_deref();
            let repeated = match (name, value) {
                (SERVER_NO_CONTEXT_TAKEOVER, None) => {
                    std::mem::replace(&mut offer.server_no_context_takeover, true)
                }
                (CLIENT_NO_CONTEXT_TAKEOVER, None) => {
                    std::mem::replace(&mut offer.client_no_context_takeover, true)
                }
                (SERVER_MAX_WINDOW_BITS, Some(value)) => {
                    offer.server_max_window_bits.replace(window_bits(value)?).is_some()
                }
                (CLIENT_MAX_WINDOW_BITS, value) => {
                    let bits = value.map(|value| window_bits(value).ok_or(())).transpose().ok()?;
                    offer.client_max_window_bits.replace(bits).is_some()
                }
                _ => return None,
            };
            if repeated {
                return None;
            }
        }
        Some(offer)
    }
}

/// 8 to 15 in decimal without leading zeros (RFC 7692 §7.1.2).
fn window_bits(value: &str) -> Option<u8> {
    match value.as_bytes() {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

fn push(text: &mut String, parameter: &str) {
    text.push_str("; ");
    text.push_str(parameter);
}

fn push_bits(text: &mut String, parameter: &str, bits: u8) {
    // Writing into a string does not fail.
    let _ = write!(text, "; {parameter}={bits}");
}

fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("tokens and digits are a header value")
}

#[cfg(test)]
mod tests {
    use http::header::SEC_WEBSOCKET_EXTENSIONS;

    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_str(value).unwrap());
        headers
    }

    /// Takes whatever the other end wants.
    const EASY: Preferences = Preferences {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };

    fn answer(preferences: Preferences, offers: &str) -> Option<String> {
        let accepted = preferences.accept(&headers(offers)).unwrap();
        accepted.map(|(_, value)| value.to_str().unwrap().replace(NAME, "pmd"))
    }

    fn pmd(parameters: &str) -> String {
        if parameters.is_empty() { NAME.to_owned() } else { format!("{NAME}; {parameters}") }
    }

    #[test]
    fn the_server_takes_what_it_can() {
        let cases = [
            ("", "pmd"),
            ("server_no_context_takeover", "pmd; server_no_context_takeover"),
            ("client_no_context_takeover", "pmd; client_no_context_takeover"),
            ("server_max_window_bits=9", "pmd; server_max_window_bits=9"),
            ("server_max_window_bits=\"10\"", "pmd; server_max_window_bits=10"),
            ("server_max_window_bits=15", "pmd; server_max_window_bits=15"),
            ("client_max_window_bits", "pmd"),
            ("client_max_window_bits=15", "pmd"),
            ("client_max_window_bits=10", "pmd; client_max_window_bits=10"),
            ("client_max_window_bits=8", "pmd; client_max_window_bits=8"),
            (
                "client_max_window_bits; client_no_context_takeover; server_max_window_bits=12; \
                 server_no_context_takeover",
                "pmd; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=12",
            ),
        ];
        for (parameters, expected) in cases {
            assert_eq!(answer(EASY, &pmd(parameters)).as_deref(), Some(expected), "{parameters}");
        }
    }

    /// Without asking, which a server may (RFC 7692 §7.1.1), but never for a window the client did
    /// not say it can restrict.
    #[test]
    fn the_servers_own_wishes() {
        assert_eq!(
            answer(Preferences::default(), NAME).unwrap(),
            "pmd; server_no_context_takeover; client_no_context_takeover"
        );
        let small = Preferences { server_max_window_bits: 10, client_max_window_bits: 11, ..EASY };
        assert_eq!(answer(small, NAME).unwrap(), "pmd; server_max_window_bits=10");
        assert_eq!(
            answer(small, &pmd("client_max_window_bits")).unwrap(),
            "pmd; server_max_window_bits=10; client_max_window_bits=11"
        );
        assert_eq!(
            answer(small, &pmd("server_max_window_bits=9; client_max_window_bits=10")).unwrap(),
            "pmd; server_max_window_bits=9; client_max_window_bits=10"
        );
        let wrong = Preferences { server_max_window_bits: 3, client_max_window_bits: 99, ..EASY };
        assert_eq!(answer(wrong, NAME).unwrap(), "pmd; server_max_window_bits=9");
    }

    #[test]
    fn server_max_window_bits_8_is_declined() {
        assert_eq!(answer(EASY, &pmd("server_max_window_bits=8")), None);
        let fallback =
            format!("{}, {}", pmd("server_max_window_bits=8"), pmd("client_max_window_bits"));
        assert_eq!(answer(EASY, &fallback).unwrap(), "pmd");
    }

    #[test]
    fn offers_that_are_refused() {
        for parameters in [
            "unknown",
            "Server_no_context_takeover",
            "server_no_context_takeover=1",
            "client_no_context_takeover=true",
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=09",
            "server_max_window_bits=+9",
            "server_max_window_bits=100",
            "server_max_window_bits=x",
            "client_max_window_bits=7",
            "client_max_window_bits=16",
            "client_max_window_bits=010",
            "server_no_context_takeover; server_no_context_takeover",
            "client_no_context_takeover; client_no_context_takeover",
            "server_max_window_bits=10; server_max_window_bits=10",
            "client_max_window_bits; client_max_window_bits",
            "client_max_window_bits; client_max_window_bits=15",
        ] {
            assert_eq!(answer(EASY, &pmd(parameters)), None, "{parameters}");
            // The next offer is looked at.
            let two = format!("{}, {}", pmd(parameters), pmd("server_no_context_takeover"));
            assert_eq!(answer(EASY, &two).unwrap(), "pmd; server_no_context_takeover");
        }
        assert_eq!(
            answer(EASY, "permessage-bzip2, x-webkit-deflate-frame, Permessage-Deflate"),
            None
        );
    }

    #[test]
    fn the_first_offer_that_can_be_taken_is() {
        let offers = "other; server_max_window_bits=9, permessage-deflate; server_max_window_bits=11, \
                      permessage-deflate; server_max_window_bits=12";
        assert_eq!(answer(EASY, offers).unwrap(), "pmd; server_max_window_bits=11");
        assert_eq!(EASY.accept(&HeaderMap::new()), Ok(None));
        assert_eq!(EASY.accept(&headers("permessage-deflate, ;")), Err(MalformedExtensions));
    }

    #[test]
    fn offers_of_a_client() {
        assert_eq!(
            Preferences::default().offer(),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             client_max_window_bits"
        );
        let small = Preferences { server_max_window_bits: 10, client_max_window_bits: 11, ..EASY };
        assert_eq!(
            small.offer(),
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits=11"
        );
    }

    #[test]
    fn answers_the_client_takes() {
        let agreed = |server, client, server_bits, client_bits| Parameters {
            server_no_context_takeover: server,
            client_no_context_takeover: client,
            server_max_window_bits: server_bits,
            client_max_window_bits: client_bits,
        };
        let small = Preferences { server_max_window_bits: 10, client_max_window_bits: 11, ..EASY };
        let cases = [
            (EASY, "", agreed(false, false, 15, 15)),
            (EASY, "server_no_context_takeover", agreed(true, false, 15, 15)),
            (EASY, "client_no_context_takeover", agreed(false, true, 15, 15)),
            (EASY, "server_max_window_bits=8", agreed(false, false, 8, 15)),
            (EASY, "client_max_window_bits=8", agreed(false, false, 15, 8)),
            (Preferences::default(), "server_no_context_takeover", agreed(true, true, 15, 15)),
            (small, "server_max_window_bits=9", agreed(false, false, 9, 11)),
            (
                small,
                "server_max_window_bits=10; client_max_window_bits=9",
                agreed(false, false, 10, 9),
            ),
        ];
        for (preferences, parameters, expected) in cases {
            let result = preferences.check(&headers(&pmd(parameters)));
            assert_eq!(result, Ok(Some(expected)), "{parameters}");
        }
        assert_eq!(EASY.check(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn answers_to_what_was_not_offered() {
        let small = Preferences { server_max_window_bits: 10, client_max_window_bits: 11, ..EASY };
        let strict = Preferences { server_no_context_takeover: true, ..EASY };
        let cases = [
            (EASY, "unknown"),
            (EASY, "server_no_context_takeover=1"),
            (EASY, "server_no_context_takeover; server_no_context_takeover"),
            (EASY, "client_no_context_takeover; client_no_context_takeover"),
            (EASY, "server_max_window_bits"),
            (EASY, "server_max_window_bits=16"),
            (EASY, "server_max_window_bits=9; server_max_window_bits=9"),
            (EASY, "client_max_window_bits"),
            (EASY, "client_max_window_bits=7"),
            (small, ""),
            (small, "server_max_window_bits=11"),
            (small, "server_max_window_bits=10; client_max_window_bits=12"),
            (strict, ""),
            (strict, "client_no_context_takeover"),
        ];
        for (preferences, parameters) in cases {
            let result = preferences.check(&headers(&pmd(parameters)));
            assert_eq!(result, Err(ResponseError::ExtensionParameters), "{parameters}");
        }
        for value in
            ["other", "permessage-deflate, other", "permessage-deflate, permessage-deflate", ";"]
        {
            let result = EASY.check(&headers(value));
            assert_eq!(result, Err(ResponseError::Extension), "{value}");
        }
    }

    #[test]
    fn both_ends_come_to_the_same() {
        let flags = [false, true];
        let wishes: Vec<Preferences> = flags
            .into_iter()
            .flat_map(|server| flags.map(|client| (server, client)))
            .flat_map(|flags| [(9, 15), (15, 9), (12, 12), (15, 15)].map(|bits| (flags, bits)))
            .map(|((server, client), (server_bits, client_bits))| Preferences {
                server_no_context_takeover: server,
                client_no_context_takeover: client,
                server_max_window_bits: server_bits,
                client_max_window_bits: client_bits,
            })
            .collect();
        for ours in &wishes {
            for theirs in &wishes {
                let mut request = HeaderMap::new();
                request.insert(SEC_WEBSOCKET_EXTENSIONS, ours.offer());
                let (at_server, value) = theirs.accept(&request).unwrap().unwrap();
                let mut response = HeaderMap::new();
                response.insert(SEC_WEBSOCKET_EXTENSIONS, value);
                assert_eq!(ours.check(&response), Ok(Some(at_server)), "{ours:?} {theirs:?}");
            }
        }
    }
}

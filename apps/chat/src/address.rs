//! Under which addresses people reach the chat, by the command line.

use std::str::FromStr;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use sockeye::engine::{OriginPattern, Origins};
use sockeye_websocket::{AllowedHosts, TrustedProxies};
use thiserror::Error;
use url::Url;

use crate::cli::ServeArgs;

/// Where people reach the chat: `https://chat.example`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    host: AllowedHosts,
    origin: OriginPattern,
}

/// Why a text is no [`PublicUrl`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not an address such as https://chat.example{advice}")]
pub struct PublicUrlError {
    text: String,
    advice: &'static str,
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |advice| PublicUrlError { text: text.to_owned(), advice };
        let url = Url::parse(text).map_err(|_| error(""))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(error("; write https:// or http:// and the host"));
        }
        if text.contains('*') {
            return Err(error("; write --allowed-host for all names below one"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(error("; the chat is at the root of its host, without a path"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(error("; write it without a name of a user"));
        }
        let host = url.host_str().and_then(|host| host.parse().ok()).ok_or_else(|| error(""))?;
        let origin = url.origin().ascii_serialization().parse().map_err(|_| error(""))?;
        Ok(Self { host, origin })
    }
}

/// Which hosts are answered: addresses of any kind, loopback names, and the names that the command
/// line has, the one that is listened on too. The program owns its listener, so nobody else looks.
pub(crate) fn allowed_hosts(args: &ServeArgs) -> AllowedHosts {
    let named = args.allowed_host.iter().cloned();
    let public = args.public_url.iter().map(|url| url.host.clone());
    // A name that cannot be resolved, and so not be listened on, is no name of the chat's either.
    let listened_on = args.host.as_deref().and_then(|host| host.parse().ok());
    named.chain(public).chain(listened_on).fold(AllowedHosts::local(), AllowedHosts::and)
}

/// Which pages may connect: those of the host that is asked, and those of the public addresses,
/// whatever a proxy makes of the host.
pub(crate) fn origins(args: &ServeArgs) -> Origins {
    match args.public_url.as_slice() {
        [] => Origins::SameOrigin,
        urls => Origins::SameOriginOr(urls.iter().map(|url| url.origin.clone()).collect()),
    }
}

/// Answers for the hosts that are allowed, and 421 otherwise, whatever is asked for.
pub(crate) async fn check_host(
    hosts: AllowedHosts,
    proxies: TrustedProxies,
    request: Request,
    next: Next,
) -> Response {
    match hosts.check(&request, &proxies) {
        Ok(()) => next.run(request).await,
        Err(denied) => {
            tracing::debug!(host = denied.host(), "request for another host refused");
            denied.into_response::<String>("start with --allowed-host ", "").map(Body::from)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_is_a_host_and_an_origin() {
        for text in ["https://Chat.Example", "https://chat.example/", "https://chat.example:443"] {
            let url: PublicUrl = text.parse().unwrap();
            assert_eq!(url.host, "chat.example".parse().unwrap(), "{text}");
            assert_eq!(url.origin, "https://chat.example".parse().unwrap(), "{text}");
        }
        let url: PublicUrl = "http://bücher.example:8080".parse().unwrap();
        assert_eq!(url.host, "xn--bcher-kva.example".parse().unwrap());
        assert_eq!(url.origin, "http://xn--bcher-kva.example:8080".parse().unwrap());
        for (text, advice) in [
            ("", ""),
            ("chat.example", ""),
            ("https://", ""),
            ("chat.example:80", "; write https:// or http:// and the host"),
            ("wss://chat.example", "; write https:// or http:// and the host"),
            ("https://chat.example/room", "; the chat is at the root of its host, without a path"),
            ("https://chat.example/?a", "; the chat is at the root of its host, without a path"),
            ("https://a@chat.example", "; write it without a name of a user"),
            ("https://*.chat.example", "; write --allowed-host for all names below one"),
        ] {
            assert_eq!(
                text.parse::<PublicUrl>().unwrap_err().to_string(),
                format!("{text:?} is not an address such as https://chat.example{advice}")
            );
        }
    }
}

//! Under which addresses people reach the chat, by the command line.

use std::collections::HashSet;
use std::net::IpAddr;
use std::str::FromStr;

use axum::body::Body;
use axum::http::Request;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use sockeye::engine::{OriginPattern, Origins};
use sockeye_net::http::Source;
use sockeye_websocket::{AllowedHosts, TrustedProxies};
use thiserror::Error;
use url::{Host, Url};

use crate::cli::ServeArgs;
use crate::serve::url;
use crate::tls;

/// Where people reach the chat: `https://chat.example`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    host: AllowedHosts,
    origin: OriginPattern,
    text: String,
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
        let text = url.origin().ascii_serialization();
        let origin = text.parse().map_err(|_| error(""))?;
        Ok(Self { host, origin, text })
    }
}

/// How people reach the server: whose word about a request counts, which pages are its own, and what its addresses are.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    proxies: TrustedProxies,
    origins: Origins,
    /// Those of the command line: `https://chat.example`.
    public: Vec<String>,
    /// Those of this machine, unless nothing else reaches it.
    machine: Vec<String>,
    /// That for this machine itself; empty without a server.
    here: String,
    /// Whether only this machine reaches it.
    pub(crate) is_local: bool,
    /// Whether the lab is reached as well, at `/lab`.
    pub(crate) has_lab: bool,
}

impl Reach {
    /// By the command line, for a server that listens on this port.
    pub(crate) fn of(args: &ServeArgs, scheme: &str, port: u16, is_local: bool) -> Self {
        let open = if is_local { Vec::new() } else { tls::addresses_to_open(args.host.as_deref()) };
        let open = open.iter().map(ToString::to_string);
        let named = args.host.clone().filter(|host| !is_local && host.parse::<IpAddr>().is_err());
        let named = named.filter(|host| !host.starts_with('['));
        let machine = open.chain(named).map(|host| url(scheme, Some(&host), port)).collect();
        Reach {
            proxies: args.trusted_proxies.clone().headers(args.forwarded_headers),
            origins: origins(args),
            public: args.public_url.iter().map(|url| url.text.clone()).collect(),
            machine,
            here: url(scheme, args.host.as_deref().filter(|_| is_local), port),
            // Whoever names an address or a proxy has others come in by it.
            is_local: is_local && args.public_url.is_empty() && args.trusted_proxies.is_empty(),
            has_lab: false,
        }
    }

    /// Whether the lab is reached as well. Default: no.
    pub(crate) fn with_lab(self, has_lab: bool) -> Self {
        Reach { has_lab, ..self }
    }

    /// Where a request comes from.
    pub(crate) fn source<'a>(&self, head: &'a Parts) -> Source<'a> {
        Source::of_head(head, &self.proxies)
    }

    /// Whether there are proxies whose word counts.
    pub(crate) fn has_proxies(&self) -> bool {
        !self.proxies.is_empty()
    }

    /// Whether a request that changes something comes from a page of this server, or from a program that is no
    /// browser.
    pub(crate) fn is_own<B>(&self, request: &Request<B>) -> bool {
        let headers = request.headers();
        let mut sites = headers.get_all("sec-fetch-site").into_iter();
        if let Some(site) = sites.next() {
            // The browser's own word; a proxy may have made another host of the address.
            return site == "same-origin" && sites.next().is_none();
        }
        self.origins.allow(headers, Source::of(request, &self.proxies).host)
    }

    /// The addresses for links that others are given, the best one first; there is at least one.
    pub(crate) fn addresses(&self, head: &Parts) -> Vec<String> {
        let asked = self.asked(head);
        let mut all = self.public.clone();
        all.extend(asked.iter().filter(|url| !is_loopback(url)).map(origin));
        all.extend(self.machine.iter().cloned());
        if all.is_empty() {
            all.push(self.seen_as(head));
        }
        let mut known = HashSet::new();
        all.retain(|url| known.insert(url.clone()));
        all
    }

    /// The best one of these.
    pub(crate) fn best_for(&self, head: &Parts) -> String {
        self.addresses(head).swap_remove(0)
    }

    /// The address that whoever asks knows already, or that everybody may know: a stranger is told of no other.
    pub(crate) fn seen_as(&self, head: &Parts) -> String {
        let asked = || self.asked(head).as_ref().map(origin);
        let public = self.public.first().cloned().or_else(asked);
        public.unwrap_or_else(|| format!("{}://localhost", self.scheme(head)))
    }

    /// The address that was asked for, if its host is one and nothing beside it.
    fn asked(&self, head: &Parts) -> Option<Url> {
        let host = self.source(head).host?;
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b);
        if !host.bytes().all(is_plain) {
            return None;
        }
        Url::parse(&format!("{}://{host}/", self.scheme(head))).ok()
    }

    fn scheme(&self, head: &Parts) -> &'static str {
        if self.source(head).secure { "https" } else { "http" }
    }

    /// The same where no request tells an address; none without a server.
    pub(crate) fn own_addresses(&self) -> Vec<String> {
        let mut all: Vec<_> = self.public.iter().chain(&self.machine).cloned().collect();
        if all.is_empty() && !self.here.is_empty() {
            all.push(self.here.clone());
        }
        all
    }

    /// The address that is best for others, unless only this machine reaches the server.
    pub(crate) fn best(&self) -> Option<&str> {
        self.public.first().or(self.machine.first()).map(String::as_str)
    }

    /// The name that was asked for, in lower case and without a port; `None` for an address such as 192.0.2.1.
    pub(crate) fn host_name(&self, head: &Parts) -> Option<String> {
        self.asked(head)?.domain().map(str::to_owned)
    }
}

/// `https://chat.example`: without what follows the host.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Whether the host is this machine's own name for itself.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
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
    request: Request<Body>,
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

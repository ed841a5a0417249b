//! Listening sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, lookup_host};

/// Connections the kernel completes before they are accepted.
const BACKLOG: i32 = 1024;
/// How often a port the system chose for IPv4 may turn out to be taken for IPv6.
const PORT_ATTEMPTS: u32 = 16;

/// Opens listening sockets:
///
/// | argument | listens on |
/// |---|---|
/// | `3000`, `"3000"` | every address of the machine, of IPv4 and IPv6 |
/// | `"localhost:3000"` | 127.0.0.1 and ::1 |
/// | `"127.0.0.1:3000"`, `"[::1]:3000"`, `("::1", 3000)`, a [`SocketAddr`] | this address |
/// | `"chat.example:3000"` | every address that the name has |
///
/// A machine without IPv6 gets the addresses of IPv4 alone. Port 0 lets the system choose one port, the
/// same for all addresses.
///
/// # Errors
///
/// When the text is no address, the host has none, or the port is taken or may not be used. The error
/// names the address and what to do.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// let this_machine_only = sockeye_net::http::bind("localhost:3000").await?;
/// let everywhere = sockeye_net::http::bind(3000).await?;
/// # drop((this_machine_only, everywhere));
/// # Ok(())
/// # }
/// ```
pub async fn bind(address: impl BindAddress) -> io::Result<Vec<TcpListener>> {
    let place = address.into_place();
    let Place { host, port } =
        place.map_err(|message| io::Error::new(io::ErrorKind::InvalidInput, message))?;
    let addresses = host.addresses().await?;
    // A name on a machine without IPv6 may still have an IPv6 address; given alone it must work.
    for _ in 1..PORT_ATTEMPTS {
        match bind_all(&addresses, port) {
            Err(error) if port == 0 && error.kind() == io::ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
    bind_all(&addresses, port)
}

/// Where to listen, as [`bind`] takes it: a port (`u16`), a text such as `"127.0.0.1:3000"`, a host and a
/// port, a [`SocketAddr`].
pub trait BindAddress {
    /// The place, or what is wrong with it and what to write.
    #[doc(hidden)]
    fn into_place(self) -> Result<Place, String>;
}

/// Where to listen, before names are looked up.
#[doc(hidden)]
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    host: Host,
    port: u16,
}

#[derive(Debug, PartialEq, Eq)]
enum Host {
    Everywhere,
    Loopback,
    Address(IpAddr),
    Name(String),
}

impl BindAddress for u16 {
    fn into_place(self) -> Result<Place, String> {
        Ok(Place { host: Host::Everywhere, port: self })
    }
}

impl BindAddress for &str {
    fn into_place(self) -> Result<Place, String> {
        if let Ok(port) = self.parse() {
            return Ok(Place { host: Host::Everywhere, port });
        }
        if let Ok(address) = self.parse::<SocketAddr>() {
            return address.into_place();
        }
        let error = || format!("{self:?} is no address to listen on{}", advice(self));
        let (host, port) = self.rsplit_once(':').ok_or_else(error)?;
        let host = Host::parse(host).filter(|host| !matches!(host, Host::Address(_)));
        host.zip(port.parse().ok()).map(|(host, port)| Place { host, port }).ok_or_else(error)
    }
}

impl BindAddress for &String {
    fn into_place(self) -> Result<Place, String> {
        self.as_str().into_place()
    }
}

impl BindAddress for String {
    fn into_place(self) -> Result<Place, String> {
        self.as_str().into_place()
    }
}

impl BindAddress for (&str, u16) {
    fn into_place(self) -> Result<Place, String> {
        let (text, port) = self;
        let host = Host::parse(text).ok_or_else(|| {
            format!("{text:?} is no host to listen on, as \"127.0.0.1\" and \"localhost\" are")
        })?;
        Ok(Place { host, port })
    }
}

/// Addresses, alone or with a port beside them.
macro_rules! bind_to_address {
    ($($address:ty),*) => {$(
        impl BindAddress for $address {
            fn into_place(self) -> Result<Place, String> {
                let address = SocketAddr::from(self);
                Ok(Place { host: Host::Address(address.ip()), port: address.port() })
            }
        }
    )*};
}

bind_to_address!(SocketAddr, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl Host {
    /// A name, or an address with or without brackets.
    fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse() {
            return Some(Host::Address(address));
        }
        // RFC 6761 §6.3: it is nobody else's, so nobody is asked.
        if text.eq_ignore_ascii_case("localhost") {
            return Some(Host::Loopback);
        }
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let is_name = !is_number && !text.contains(NOT_IN_NAMES);
        is_name.then(|| Host::Name(text.to_owned()))
    }

    /// The addresses to listen on, IPv4 first.
    async fn addresses(self) -> io::Result<Vec<IpAddr>> {
        let name = match self {
            Host::Address(address) => return Ok(vec![address]),
            Host::Everywhere => {
                return Ok(vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]);
            }
            Host::Loopback => {
                return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
            }
            Host::Name(name) => name,
        };
        let found = lookup_host((name.as_str(), 0)).await.map_err(|error| {
            let message =
                format!("cannot listen on {name:?}, whose address cannot be found: {error}");
            io::Error::new(error.kind(), message)
        })?;
        let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
        addresses.sort();
        addresses.dedup();
        Ok(addresses)
    }
}

/// The end of a message about a text that is no address: what to write.
fn advice(text: &str) -> String {
    let shown = text.split_once("://").map_or(text, |(_, rest)| rest);
    let shown = shown.split('/').next().unwrap_or_default();
    let address = match (shown.parse::<IpAddr>(), shown.rsplit_once(':')) {
        (Ok(IpAddr::V6(address)), _) => format!("[{address}]:3000"),
        (Ok(address), _) => format!("{address}:3000"),
        (_, Some(("" | "*", port))) if port.parse::<u16>().is_ok() => port.to_owned(),
        (_, Some((_, port))) if shown != text && port.parse::<u16>().is_ok() => shown.to_owned(),
        (_, None) if matches!(Host::parse(shown), Some(Host::Name(_) | Host::Loopback)) => {
            format!("{shown}:3000")
        }
        _ => "127.0.0.1:3000".to_owned(),
    };
    format!("; write {address:?}, for example")
}

fn bind_all(addresses: &[IpAddr], port: u16) -> io::Result<Vec<TcpListener>> {
    let mut listeners: Vec<TcpListener> = Vec::with_capacity(addresses.len());
    let mut port = port;
    for address in addresses {
        let address = SocketAddr::new(*address, port);
        match bind_one(address) {
            Ok(listener) => {
                port = listener.local_addr()?.port();
                listeners.push(listener);
            }
            Err(error) if address.is_ipv6() && addresses.len() > 1 && lacks_ipv6(&error) => {}
            Err(error) => return Err(explained(&error, address)),
        }
    }
    if listeners.is_empty() {
        return Err(io::ErrorKind::AddrNotAvailable.into());
    }
    Ok(listeners)
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // Otherwise `::` would also take the port on IPv4, and the two could not stand side by side.
        socket.set_only_v6(true)?;
    }
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Whether the machine has no IPv6, or not this address.
fn lacks_ipv6(error: &io::Error) -> bool {
    const EAFNOSUPPORT: i32 = if cfg!(target_os = "linux") { 97 } else { 47 };
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(EAFNOSUPPORT)
}

/// The error with the address, and with what to do about it.
fn explained(error: &io::Error, address: SocketAddr) -> io::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there already: end it, or choose another port"
        }
        io::ErrorKind::PermissionDenied => {
            "a port below 1024 needs a right that this program does not have: choose another port"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have the address: choose one that it has, or a port alone for all"
        }
        _ => return io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")),
    };
    io::Error::new(error.kind(), format!("cannot listen on {address}: {advice} ({error})"))
}

/// Of a host's name none of these is a part.
const NOT_IN_NAMES: [char; 8] = ['/', '\\', ':', '[', ']', '*', ' ', '@'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_place() {
        let v4 = Host::Address(Ipv4Addr::LOCALHOST.into());
        let v6 = Host::Address(Ipv6Addr::LOCALHOST.into());
        let name = || Host::Name("chat.example".to_owned());
        let socket: SocketAddr = "127.0.0.1:3000".parse().unwrap();
        for (given, host) in [
            (3000.into_place(), Host::Everywhere),
            ("3000".into_place(), Host::Everywhere),
            ("localhost:3000".into_place(), Host::Loopback),
            (("LocalHost", 3000).into_place(), Host::Loopback),
            ("chat.example:3000".into_place(), name()),
            (String::from("chat.example:3000").into_place(), name()),
            ((&String::from("chat.example:3000")).into_place(), name()),
            (("chat.example", 3000).into_place(), name()),
            (("::1", 3000).into_place(), v6),
            (socket.into_place(), v4),
        ] {
            assert_eq!(given, Ok(Place { host, port: 3000 }));
        }
        let of = |given: Result<Place, String>| given.unwrap().host;
        for address in ["127.0.0.1", "::1", "0.0.0.0", "::"] {
            let address: IpAddr = address.parse().unwrap();
            let expected = Host::Address(address);
            assert_eq!(of(SocketAddr::new(address, 1).to_string().into_place()), expected);
            assert_eq!(of((address, 1).into_place()), expected);
            assert_eq!(of((&*format!("[{address}]"), 1).into_place()), expected);
        }
    }

    #[test]
    fn what_is_no_place_says_what_to_write() {
        for (text, advice) in [
            ("127.0.0.1", "127.0.0.1:3000"),
            ("::1", "[::1]:3000"),
            ("localhost", "localhost:3000"),
            ("chat.example", "chat.example:3000"),
            ("http://localhost:8080/", "localhost:8080"),
            (":8080", "8080"),
            ("*:8080", "8080"),
            ("localhost:99999", "127.0.0.1:3000"),
            ("99999", "127.0.0.1:3000"),
            ("a b:80", "127.0.0.1:3000"),
            ("", "127.0.0.1:3000"),
        ] {
            let message = text.into_place().unwrap_err();
            assert!(message.contains(&format!("write {advice:?}")), "{message}");
            // It has to help.
            assert!(advice.into_place().is_ok(), "{advice}");
        }
        for host in ["", "a b", "127.0.0.1:80", "*"] {
            assert!((host, 80).into_place().is_err(), "{host}");
        }
    }
}

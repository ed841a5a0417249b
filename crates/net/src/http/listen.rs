//! Listening sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, lookup_host};

/// Connections the kernel completes before they are accepted.
const BACKLOG: i32 = 1024;
/// How often a port the system chose for IPv4 may turn out to be taken for IPv6.
const PORT_ATTEMPTS: u32 = 16;

/// Opens listening sockets on `host` and `port`. Without a host: on both loopback addresses, 127.0.0.1
/// and ::1, where a machine without IPv6 gets the first alone. Port 0 lets the system choose one port,
/// the same for all addresses.
///
/// # Errors
///
/// When the host has no address, the port is taken, or may not be used.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// let both_loopback_addresses = sockeye_net::http::bind(None, 3000).await?;
/// let everywhere = sockeye_net::http::bind(Some("::"), 3000).await?;
/// # drop((both_loopback_addresses, everywhere));
/// # Ok(())
/// # }
/// ```
pub async fn bind(host: Option<&str>, port: u16) -> io::Result<Vec<TcpListener>> {
    let addresses = match host {
        None => vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        Some(host) => resolve(host).await?,
    };
    // A name on a machine without IPv6 may still have an IPv6 address; given alone it must work.
    for _ in 1..PORT_ATTEMPTS {
        match bind_all(&addresses, port) {
            Err(error) if port == 0 && error.kind() == io::ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
    bind_all(&addresses, port)
}

async fn resolve(host: &str) -> io::Result<Vec<IpAddr>> {
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let mut addresses: Vec<IpAddr> =
        lookup_host((host, 0)).await?.map(|address| address.ip()).collect();
    addresses.sort();
    addresses.dedup();
    Ok(addresses)
}

fn bind_all(addresses: &[IpAddr], port: u16) -> io::Result<Vec<TcpListener>> {
    let mut listeners: Vec<TcpListener> = Vec::with_capacity(addresses.len());
    let mut port = port;
    for address in addresses {
        match bind_one(SocketAddr::new(*address, port)) {
            Ok(listener) => {
                port = listener.local_addr()?.port();
                listeners.push(listener);
            }
            Err(error) if address.is_ipv6() && addresses.len() > 1 && lacks_ipv6(&error) => {}
            Err(error) => return Err(error),
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

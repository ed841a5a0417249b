//! The certificate to serve with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use sockeye_websocket::TlsConfig;

use crate::cli::ServeArgs;

/// How long a certificate of our own is valid; some devices refuse longer ones.
const VALIDITY: Duration = Duration::from_secs(397 * 24 * 3600);
/// Clocks of other devices may be late.
const CLOCK_SKEW: Duration = Duration::from_secs(24 * 3600);

/// The certificate the arguments ask for; `None` to serve without TLS.
///
/// # Errors
/// The files cannot be used as certificate and key.
pub fn config(args: &ServeArgs) -> anyhow::Result<Option<TlsConfig>> {
    if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
        let config = TlsConfig::from_pem_files(certificate, key)
            .with_context(|| format!("cannot use the certificate in {}", certificate.display()))?;
        return Ok(Some(config));
    }
    if !args.tls_self_signed {
        return Ok(None);
    }
    self_signed(args.host.as_deref()).context("cannot make a certificate").map(Some)
}

/// The addresses of this machine that somebody can open who is told to listen on `host`.
#[must_use]
pub fn addresses_to_open(host: Option<&str>) -> Vec<IpAddr> {
    let host = host.map(|host| host.trim_start_matches('[').trim_end_matches(']'));
    match host.map(str::parse) {
        None => vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        Some(Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED))) => outward_v4().into_iter().collect(),
        Some(Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED))) => outward_v6().into_iter().collect(),
        Some(Ok(address)) => vec![address],
        Some(Err(_)) => Vec::new(),
    }
}

fn self_signed(host: Option<&str>) -> anyhow::Result<TlsConfig> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let known = host.filter(|host| host.parse::<IpAddr>().is_err_and(|_| !host.starts_with('[')));
    names.extend(known.map(str::to_owned));
    names.extend(addresses_to_open(host).iter().map(ToString::to_string));
    names.sort();
    names.dedup();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "sockeye");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = SystemTime::now();
    params.not_before = (now - CLOCK_SKEW).into();
    params.not_after = (now + VALIDITY - CLOCK_SKEW).into();
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(TlsConfig::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes())?)
}

/// The address from which this machine would reach others. Connecting a UDP socket sends nothing;
/// the addresses are those reserved for documentation (RFC 5737, RFC 3849).
fn outward_v4() -> Option<IpAddr> {
    outward(IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)))
}

fn outward_v6() -> Option<IpAddr> {
    let documentation = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    outward(IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(documentation))
}

fn outward(from: IpAddr, to: IpAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind((from, 0)).ok()?;
    socket.connect((to, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_open() {
        let open = |host| -> Vec<String> {
            addresses_to_open(host).iter().map(ToString::to_string).collect()
        };
        assert_eq!(open(None), ["127.0.0.1", "::1"]);
        assert_eq!(open(Some("192.0.2.7")), ["192.0.2.7"]);
        assert_eq!(open(Some("[::1]")), ["::1"]);
        assert!(open(Some("chat.example")).is_empty());
        // A machine without a network has none.
        assert!(!open(Some("0.0.0.0")).contains(&"0.0.0.0".to_owned()));
    }

    #[test]
    fn a_certificate_for_any_host() {
        for host in [None, Some("0.0.0.0"), Some("::"), Some("[::1]"), Some("chat.example")] {
            self_signed(host).unwrap();
        }
    }
}

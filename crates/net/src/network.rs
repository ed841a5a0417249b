//! What counts as one address where strangers share something.

use std::net::{IpAddr, Ipv6Addr};

/// The address itself, or of IPv6 the first 64 bits: a single subscriber has all addresses below
/// them.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address => address,
    }
}

//! Certificates made for a test.

use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// An authority of our own.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Its certificate, for [`sockeye_websocket::Roots::with_pem`].
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a host that is valid now, and its key.
    pub(crate) fn issue(&self, host: &str) -> (String, String) {
        self.issue_until(host, SystemTime::now() + Duration::from_secs(3600))
    }

    pub(crate) fn issue_until(&self, host: &str, end: SystemTime) -> (String, String) {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_before = (end - Duration::from_secs(7200)).into();
        params.not_after = end.into();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};

use super::*;
use crate::accounts::contract::Role;

/// An authenticator with one passkey, as a device or a password manager is one.
pub(super) struct Authenticator {
    key: KeyPair,
    id: Vec<u8>,
    user: Value,
    uses: u32,
}

const USER_PRESENT_AND_VERIFIED: u8 = 0x05;
const HAS_CREDENTIAL: u8 = 0x40;

fn encoded(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn client_data(kind: &str, options: &Value, origin: &str) -> Vec<u8> {
    let challenge = &options["publicKey"]["challenge"];
    json!({ "type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false })
        .to_string()
        .into_bytes()
}

impl Authenticator {
    /// Makes a passkey: the authenticator, and what the page sends of it.
    pub(super) fn register(options: &Value, origin: &str) -> (Self, Value) {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let user = options["publicKey"]["user"]["id"].clone();
        let id = crate::id::new_id().into_bytes();
        let authenticator = Authenticator { key, id, user, uses: 0 };
        let rp = options["publicKey"]["rp"]["id"].as_str().unwrap();
        let mut data = authenticator.data(rp, USER_PRESENT_AND_VERIFIED | HAS_CREDENTIAL);
        data.extend([0; 16]);
        data.extend([0, authenticator.id.len() as u8]);
        data.extend(&authenticator.id);
        // COSE (RFC 9053 §7.1.1): a key of EC2, for ES256, on P-256.
        let point = authenticator.key.der_bytes();
        assert_eq!((point.len(), point[0]), (65, 4));
        data.extend([0xA5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 32]);
        data.extend(&point[33..]);
        let mut attestation = b"\xA3\x63fmt\x64none\x67attStmt\xA0\x68authData\x59".to_vec();
        attestation.extend((data.len() as u16).to_be_bytes());
        attestation.extend(&data);
        let client_data = client_data("webauthn.create", options, origin);
        let sent = json!({
            "id": encoded(&authenticator.id),
            "rawId": encoded(&authenticator.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {
                "attestationObject": encoded(&attestation),
                "clientDataJSON": encoded(&client_data),
                "transports": ["internal"],
                "publicKeyAlgorithm": -7,
            },
            "clientExtensionResults": { "credProps": { "rk": true } },
        });
        (authenticator, sent)
    }

    /// Logs in.
    pub(super) fn log_in(&mut self, options: &Value, rp: &str, origin: &str) -> Value {
        self.uses += 1;
        let data = self.data(rp, USER_PRESENT_AND_VERIFIED);
        let client_data = client_data("webauthn.get", options, origin);
        let signed = [&data[..], &Sha256::digest(&client_data)].concat();
        json!({
            "id": encoded(&self.id),
            "rawId": encoded(&self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {
                "authenticatorData": encoded(&data),
                "clientDataJSON": encoded(&client_data),
                "signature": encoded(&self.key.sign(&signed).unwrap()),
                "userHandle": self.user,
            },
            "clientExtensionResults": {},
        })
    }

    fn data(&self, rp: &str, flags: u8) -> Vec<u8> {
        let mut data = Sha256::digest(rp).to_vec();
        data.push(flags);
        data.extend(self.uses.to_be_bytes());
        data
    }
}

pub(super) const ORIGIN: &str = "http://localhost:3000";

fn here() -> Address {
    Address::of("localhost:3000", false).unwrap()
}

fn person(name: &str) -> Person {
    Person { id: name.into(), name: name.into(), role: Role::Member, colour: 0, picture: None }
}

fn options(begun: Result<impl Serialize, Refused>) -> Value {
    serde_json::to_value(begun.unwrap()).unwrap()
}

/// Somebody's new passkey, and what is stored of it.
fn made(ceremonies: &Ceremonies, person: &Person) -> (Authenticator, Registered) {
    let options = options(ceremonies.register(here(), person, &[]));
    let (authenticator, sent) = Authenticator::register(&options, ORIGIN);
    let sent = serde_json::from_value(sent).unwrap();
    let registered = ceremonies.registered(&here(), person, &sent).unwrap();
    (authenticator, registered)
}

fn assertion(sent: &Value) -> Assertion {
    serde_json::from_value(sent.clone()).unwrap()
}

#[tokio::test]
async fn a_passkey_is_made_and_logs_in() {
    let ceremonies = Ceremonies::default();
    let ada = person("Ada");
    let asked = options(ceremonies.register(here(), &ada, &["YWJj".to_owned()]));
    let public = &asked["publicKey"];
    assert_eq!(public["rp"], json!({ "id": "localhost", "name": "sockeye" }));
    assert_eq!(public["excludeCredentials"][0]["id"], "YWJj");
    assert_eq!(public["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(public["authenticatorSelection"]["userVerification"], "required");
    assert!(!public["user"]["id"].as_str().unwrap().contains("Ada"));

    let (mut authenticator, registered) = made(&ceremonies, &ada);
    assert_eq!(registered.id, encoded(&authenticator.id));
    let mut stored = registered.credential;
    for _ in 0..2 {
        let asked = options(ceremonies.log_in(here()));
        assert!(asked["publicKey"]["allowCredentials"].as_array().is_none_or(Vec::is_empty));
        assert_eq!(asked.get("mediation"), None);
        let sent = authenticator.log_in(&asked, "localhost", ORIGIN);
        assert_eq!(assertion(&sent).id(), registered.id);
        let now = ceremonies.logged_in(&here(), &assertion(&sent), Some((&ada, &stored))).unwrap();
        // It counts its uses, which is stored.
        stored = now.unwrap();
        // A challenge is good once.
        let again = ceremonies.logged_in(&here(), &assertion(&sent), Some((&ada, &stored)));
        assert!(matches!(again, Err(Refused::PasskeyFailed)), "{again:?}");
    }
    // A copy that has been used less often.
    authenticator.uses = 0;
    let asked = options(ceremonies.log_in(here()));
    let sent = authenticator.log_in(&asked, "localhost", ORIGIN);
    let copy = ceremonies.logged_in(&here(), &assertion(&sent), Some((&ada, &stored)));
    assert!(matches!(copy, Err(Refused::PasskeyFailed)), "{copy:?}");
    assert_eq!(ceremonies.0.lock().len(), 1, "the one that was never ended");
}

#[tokio::test]
async fn what_is_not_right_logs_nobody_in() {
    let ceremonies = Ceremonies::default();
    let (ada, eve) = (person("Ada"), person("Eve"));
    let (mut authenticator, registered) = made(&ceremonies, &ada);
    let stored = registered.credential.as_str();
    let (_, of_eve) = made(&ceremonies, &eve);
    let mut refused =
        |rp: &str, origin: &str, kept: Option<(&Person, &str)>, break_it: fn(&mut Value)| {
            let asked = options(ceremonies.log_in(here()));
            let mut sent = authenticator.log_in(&asked, rp, origin);
            break_it(&mut sent);
            let ended = ceremonies.logged_in(&here(), &assertion(&sent), kept);
            matches!(ended, Err(Refused::PasskeyFailed))
        };
    let own = Some((&ada, stored));
    assert!(!refused("localhost", ORIGIN, own, |_| {}), "and so each of the others is the reason");
    assert!(refused("evil.test", ORIGIN, own, |_| {}));
    assert!(refused("localhost", "http://localhost:4000", own, |_| {}));
    assert!(refused("localhost", "http://evil.test", own, |_| {}));
    assert!(refused("localhost", ORIGIN, None, |_| {}), "nobody has it");
    assert!(refused("localhost", ORIGIN, Some((&eve, stored)), |_| {}), "it is another one's");
    assert!(refused("localhost", ORIGIN, Some((&ada, &of_eve.credential)), |_| {}));
    assert!(refused("localhost", ORIGIN, own, |sent| {
        sent["response"]["signature"] = "AAAA".into();
    }));
    assert!(refused("localhost", ORIGIN, own, |sent| {
        sent["response"]["userHandle"] = Value::Null;
    }));
    assert!(refused("localhost", ORIGIN, own, |sent| {
        sent["response"]["clientDataJSON"] = "AAAA".into();
    }));
}

#[tokio::test]
async fn a_registration_is_of_whoever_began_it() {
    let ceremonies = Ceremonies::default();
    let (ada, eve) = (person("Ada"), person("Eve"));
    let asked = options(ceremonies.register(here(), &ada, &[]));
    let (_, sent) = Authenticator::register(&asked, ORIGIN);
    let registration: Registration = serde_json::from_value(sent.clone()).unwrap();
    let taken = ceremonies.registered(&here(), &eve, &registration);
    assert!(matches!(taken, Err(Refused::PasskeyFailed)), "{taken:?}");
    // The challenge is used up.
    let late = ceremonies.registered(&here(), &ada, &registration);
    assert!(matches!(late, Err(Refused::PasskeyFailed)), "{late:?}");
    // One for another ceremony.
    let asked = options(ceremonies.log_in(here()));
    let (_, mut sent) = Authenticator::register(
        &json!({ "publicKey": {
            "challenge": asked["publicKey"]["challenge"], "rp": { "id": "localhost" }, "user": { "id": "" },
        } }),
        ORIGIN,
    );
    sent["name"] = "My phone".into();
    let registration: Registration = serde_json::from_value(sent).unwrap();
    assert_eq!(registration.name.as_deref(), Some("My phone"));
    let other = ceremonies.registered(&here(), &ada, &registration);
    assert!(matches!(other, Err(Refused::PasskeyFailed)), "{other:?}");
}

#[tokio::test(start_paused = true)]
async fn a_ceremony_has_its_time_and_its_place() {
    let ceremonies = Ceremonies::default();
    let ada = person("Ada");
    let elsewhere = Address::of("localhost:4000", false).unwrap();
    for (address, waits, is_accepted) in [
        (here(), CEREMONY_TIME_MAX - Duration::from_millis(1), true),
        (here(), CEREMONY_TIME_MAX, false),
        (elsewhere, Duration::ZERO, false),
    ] {
        let asked = options(ceremonies.register(here(), &ada, &[]));
        let (_, sent) = Authenticator::register(&asked, ORIGIN);
        tokio::time::advance(waits).await;
        let registration: Registration = serde_json::from_value(sent).unwrap();
        let ended = ceremonies.registered(&address, &ada, &registration);
        assert_eq!(ended.is_ok(), is_accepted, "{address:?} {waits:?} {ended:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_are_under_way_and_the_first_one_goes() {
    let ceremonies = Ceremonies::default();
    let first = options(ceremonies.log_in(here()));
    tokio::time::advance(Duration::from_secs(1)).await;
    let second = options(ceremonies.log_in(here()));
    let key = |asked: &Value| bytes(asked["publicKey"]["challenge"].as_str().unwrap()).unwrap();
    for n in 2..=CEREMONIES_MAX as u64 {
        let began_at = Instant::now();
        let state = match ceremonies.0.lock()[&key(&second)].state {
            State::Login(ref state) => State::Login(state.clone()),
            State::Registration { .. } => panic!("it is a login"),
        };
        let ceremony = Ceremony { began_at, address: here(), state };
        ceremonies.begin(n.to_be_bytes().to_vec(), ceremony);
    }
    assert_eq!(ceremonies.0.lock().len(), CEREMONIES_MAX);
    assert!(!ceremonies.0.lock().contains_key(&key(&first)));
    assert!(ceremonies.0.lock().contains_key(&key(&second)));
    tokio::time::advance(CEREMONY_TIME_MAX).await;
    options(ceremonies.log_in(here()));
    assert_eq!(ceremonies.0.lock().len(), 1);
}

#[test]
fn passkeys_are_for_names_that_nobody_can_take_over() {
    for (host, is_secure, expected) in [
        ("chat.example", true, Some("https://chat.example/")),
        ("Chat.Example:8443", true, Some("https://chat.example:8443/")),
        ("localhost:3000", false, Some("http://localhost:3000/")),
        ("a.localhost", false, Some("http://a.localhost/")),
        ("localhost", true, Some("https://localhost/")),
        ("chat.example", false, None),
        ("192.0.2.7", true, None),
        ("127.0.0.1:3000", false, None),
        ("[::1]:3000", true, None),
        ("", true, None),
        ("a b", true, None),
    ] {
        let address = Address::of(host, is_secure);
        assert_eq!(
            address.map(|address| address.origin.to_string()).as_deref(),
            expected,
            "{host}"
        );
    }
}

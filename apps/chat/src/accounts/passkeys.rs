//! Passkeys: keys of a device or password manager, with which somebody logs in without a password (WebAuthn).
//!
//! A ceremony has two requests: one begins it with a challenge, the other one ends it with what the authenticator made
//! of that. What the server knows of a ceremony stays in memory in between, found by its challenge. Whoever logs in
//! names no account: the authenticator knows whose its keys are, and nobody learns here which accounts there are.

pub(crate) mod http;
pub mod store;

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use webauthn_rs::prelude::{
    CreationChallengeResponse, DiscoverableAuthentication, DiscoverableKey, Passkey,
    PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential,
    RequestChallengeResponse, Url, Uuid, Webauthn, WebauthnBuilder, WebauthnError,
};

use super::contract::Person;
use crate::refusal::Refused;

/// How long somebody may take over a ceremony.
const CEREMONY_TIME_MAX: Duration = Duration::from_secs(300);
/// The most ceremonies that are under way. Beyond that the one goes that began first.
const CEREMONIES_MAX: usize = 10_000;
/// What browsers call the server when they ask whether to use a passkey.
const NAME: &str = "sockeye";

/// The end of a registration: what WebAuthn has, and what the passkey is called.
#[derive(Debug, Deserialize)]
pub(crate) struct Registration {
    /// What its owner calls it; without it, after the day.
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(flatten)]
    credential: RegisterPublicKeyCredential,
}

/// The end of a login, as WebAuthn has it.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Assertion(PublicKeyCredential);

/// A passkey that was made, as it is stored.
#[derive(Debug)]
pub(crate) struct Registered {
    /// The credential's id.
    pub(crate) id: String,
    /// The public key and the rest, for the library.
    pub(crate) credential: String,
}

/// The ceremonies that are under way.
#[derive(Debug, Default)]
pub(crate) struct Ceremonies(Mutex<HashMap<Vec<u8>, Ceremony>>);

#[derive(Debug)]
struct Ceremony {
    began_at: Instant,
    /// Where it began, and where it has to end.
    address: Address,
    state: State,
}

#[derive(Debug)]
enum State {
    Registration { person: String, state: Box<PasskeyRegistration> },
    Login(Box<DiscoverableAuthentication>),
}

/// An address of the server at which there can be passkeys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    origin: Url,
    host: String,
}

impl Address {
    /// That of a request: `None` where browsers have no passkeys, which is for addresses that are no names, and without
    /// TLS other than on this machine.
    pub(crate) fn of(host: &str, is_secure: bool) -> Option<Self> {
        let scheme = if is_secure { "https" } else { "http" };
        let origin = Url::parse(&format!("{scheme}://{host}")).ok()?;
        let host = origin.domain()?.to_owned();
        let is_local = host == "localhost" || host.ends_with(".localhost");
        (is_secure || is_local).then_some(Address { origin, host })
    }

    fn webauthn(&self) -> Result<Webauthn, Refused> {
        let builder = WebauthnBuilder::new(&self.host, &self.origin);
        let builder = builder.map(|builder| builder.rp_name(NAME).timeout(CEREMONY_TIME_MAX));
        builder.and_then(WebauthnBuilder::build).map_err(|error| {
            tracing::error!(%error, "passkeys");
            Refused::Storage
        })
    }
}

impl Ceremonies {
    /// Begins the registration of a passkey, other than those that somebody has.
    ///
    /// # Errors
    /// The library failed.
    pub(crate) fn register(
        &self,
        address: Address,
        person: &Person,
        existing: &[String],
    ) -> Result<impl Serialize + use<>, Refused> {
        let known: Vec<_> = existing.iter().filter_map(|id| bytes(id)).collect();
        let begun = address.webauthn()?.start_passkey_registration(
            handle(&person.id),
            &person.name,
            &person.name,
            Some(known),
        );
        let (challenge, state) = begun.map_err(failed)?;
        let key = challenge.public_key.challenge.clone();
        let state = State::Registration { person: person.id.clone(), state: Box::new(state) };
        self.begin(key, Ceremony { began_at: Instant::now(), address, state });
        let mut options = serde_json::to_value::<CreationChallengeResponse>(challenge)
            .map_err(|_| Refused::Storage)?;
        // So that the authenticator knows whose it is, and nobody has to type a name.
        let selection = &mut options["publicKey"]["authenticatorSelection"];
        selection["residentKey"] = "required".into();
        selection["requireResidentKey"] = true.into();
        Ok(options)
    }

    /// Ends a registration.
    ///
    /// # Errors
    /// `passkey_failed`: it is over, was begun by somebody else or elsewhere, or is not right.
    pub(crate) fn registered(
        &self,
        address: &Address,
        person: &Person,
        registration: &Registration,
    ) -> Result<Registered, Refused> {
        let credential = &registration.credential;
        let ceremony = self.end(&credential.response.client_data_json, address)?;
        match ceremony.state {
            State::Registration { person: whose, state } if whose == person.id => {
                let passkey = address.webauthn()?.finish_passkey_registration(credential, &state);
                let passkey = passkey.map_err(failed)?;
                let credential = serde_json::to_string(&passkey).map_err(|_| Refused::Storage)?;
                Ok(Registered { id: text(passkey.cred_id()), credential })
            }
            State::Registration { .. } | State::Login(_) => Err(Refused::PasskeyFailed),
        }
    }

    /// Begins a login, of whoever it may be.
    ///
    /// # Errors
    /// The library failed.
    pub(crate) fn log_in(&self, address: Address) -> Result<impl Serialize + use<>, Refused> {
        let begun = address.webauthn()?.start_discoverable_authentication();
        let (challenge, state) = begun.map_err(failed)?;
        let key = challenge.public_key.challenge.clone();
        let state = State::Login(Box::new(state));
        self.begin(key, Ceremony { began_at: Instant::now(), address, state });
        // The page asks when its button is pressed, and not in passing.
        Ok(RequestChallengeResponse { mediation: None, ..challenge })
    }

    /// Ends a login with a passkey that is stored, see [`Assertion::id`]: what is stored of it from now on, if that
    /// has changed.
    ///
    /// # Errors
    /// `passkey_failed`: it is over, was begun elsewhere, or is not right.
    pub(crate) fn logged_in(
        &self,
        address: &Address,
        assertion: &Assertion,
        stored: Option<(&Person, &str)>,
    ) -> Result<Option<String>, Refused> {
        let Assertion(assertion) = assertion;
        let ceremony = self.end(&assertion.response.client_data_json, address)?;
        let (State::Login(state), Some((person, stored))) = (ceremony.state, stored) else {
            return Err(Refused::PasskeyFailed);
        };
        let webauthn = address.webauthn()?;
        let (whose, _) =
            webauthn.identify_discoverable_authentication(assertion).map_err(failed)?;
        let mut passkey: Passkey = serde_json::from_str(stored).map_err(|error| {
            tracing::error!(%error, "what is stored of a passkey cannot be read");
            Refused::Storage
        })?;
        if whose != handle(&person.id) {
            return Err(Refused::PasskeyFailed);
        }
        let result = webauthn
            .finish_discoverable_authentication_v2(
                assertion,
                *state,
                DiscoverableKey::from(&passkey),
            )
            .map_err(failed)?;
        match passkey.update_credential(&result) {
            Some(true) => serde_json::to_string(&passkey).map(Some).map_err(|_| Refused::Storage),
            Some(false) => Ok(None),
            None => Err(Refused::PasskeyFailed),
        }
    }

    fn begin(&self, challenge: Vec<u8>, ceremony: Ceremony) {
        let mut ceremonies = self.0.lock();
        if ceremonies.len() >= CEREMONIES_MAX {
            ceremonies.retain(|_, ceremony| ceremony.began_at.elapsed() < CEREMONY_TIME_MAX);
        }
        if ceremonies.len() >= CEREMONIES_MAX {
            let first = ceremonies.iter().min_by_key(|(_, ceremony)| ceremony.began_at);
            let first = first.map(|(challenge, _)| challenge.clone());
            first.and_then(|challenge| ceremonies.remove(&challenge));
        }
        ceremonies.insert(challenge, ceremony);
    }

    /// Takes a ceremony out, so that its challenge is good once.
    fn end(&self, client_data: &[u8], address: &Address) -> Result<Ceremony, Refused> {
        #[derive(Deserialize)]
        struct ClientData {
            challenge: String,
        }
        let data: ClientData =
            serde_json::from_slice(client_data).map_err(|_| Refused::PasskeyFailed)?;
        let challenge = bytes(&data.challenge).ok_or(Refused::PasskeyFailed)?;
        let ceremony = self.0.lock().remove(&challenge);
        ceremony
            .filter(|ceremony| ceremony.began_at.elapsed() < CEREMONY_TIME_MAX)
            .filter(|ceremony| ceremony.address == *address)
            .ok_or(Refused::PasskeyFailed)
    }
}

impl Assertion {
    /// The id of the passkey that is used.
    pub(crate) fn id(&self) -> String {
        text(self.0.get_credential_id())
    }
}

/// What an authenticator knows somebody by; it says nothing to others (WebAuthn §14.6.1).
fn handle(person: &str) -> Uuid {
    let digest = Sha256::digest(format!("sockeye person {person}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(bytes)
}

fn text(id: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(id)
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

fn failed(error: WebauthnError) -> Refused {
    tracing::debug!(%error, "a passkey is refused");
    Refused::PasskeyFailed
}

#[cfg(test)]
mod tests;

//! The requests of passkeys.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};

use super::store::{NewPasskey, NotKept};
use super::{Address, Assertion, Registration};
use crate::accounts::contract::PasskeyView;
use crate::accounts::http::{Client, LoggedIn, welcome};
use crate::accounts::{Accounts, now};
use crate::api::Json;
use crate::app::App;
use crate::input::Nickname;
use crate::keys::date;
use crate::refusal::Refused;

/// The routes below `/api`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/passkeys", get(list))
        .route("/passkeys/{id}", delete(remove))
        .route("/passkeys/register/begin", post(begin_registration))
        .route("/passkeys/register/finish", post(finish_registration))
        .route("/passkeys/login/begin", post(begin_login))
        .route("/passkeys/login/finish", post(finish_login))
}

/// Where a request was sent to, if there are passkeys there.
fn address(app: &App, request: &Parts) -> Result<Address, Refused> {
    let source = app.reach.source(request);
    let address = source.host.and_then(|host| Address::of(host, source.secure));
    address.ok_or(Refused::NoPasskeys)
}

async fn list(State(app): State<App>, who: LoggedIn) -> Result<Json<Vec<PasskeyView>>, Refused> {
    let who = who.with_account()?;
    Ok(Json(app.store.passkeys(&who.person.id).await?))
}

async fn remove(
    State(app): State<App>,
    who: LoggedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    let who = who.with_account()?;
    match app.store.remove_passkey(&who.person.id, &id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Refused::NotThere),
    }
}

async fn begin_registration(
    State(app): State<App>,
    who: LoggedIn,
    request: Parts,
) -> Result<Response, Refused> {
    let who = who.with_account()?;
    let address = address(&app, &request)?;
    app.accounts.try_change(&who.person.id)?;
    let existing = app.store.passkeys(&who.person.id).await?;
    let existing: Vec<_> = existing.into_iter().map(|passkey| passkey.id).collect();
    let options = app.accounts.ceremonies().register(address, &who.person, &existing)?;
    Ok(Json(options).into_response())
}

async fn finish_registration(
    State(app): State<App>,
    who: LoggedIn,
    request: Parts,
    Json(registration): Json<Registration>,
) -> Result<Response, Refused> {
    let who = who.with_account()?;
    let address = address(&app, &request)?;
    let name = match registration.name.as_deref() {
        Some(name) => Nickname::parse(name)?.as_str().to_owned(),
        // The day, as RFC 3339 has it.
        None => date(u64::try_from(now() / 1_000).unwrap_or_default())[..10].to_owned(),
    };
    let made = app.accounts.ceremonies().registered(&address, &who.person, &registration)?;
    let (id, credential) = (made.id, made.credential);
    let kept = NewPasskey { id, person: who.person.id.clone(), name, credential };
    match app.store.keep_passkey(kept).await? {
        Ok(_) => Ok(Json(app.accounts.me(who.into()).await?).into_response()),
        Err(NotKept::Taken) => Err(Refused::PasskeyFailed),
        Err(NotKept::Full) => Err(Refused::PasskeysFull),
    }
}

async fn begin_login(
    State(app): State<App>,
    client: Client,
    request: Parts,
) -> Result<Response, Refused> {
    let address = address(&app, &request)?;
    app.accounts.try_code(client.origin)?;
    Ok(Json(app.accounts.ceremonies().log_in(address)?).into_response())
}

async fn finish_login(
    State(app): State<App>,
    client: Client,
    request: Parts,
    Json(assertion): Json<Assertion>,
) -> Result<Response, Refused> {
    let address = address(&app, &request)?;
    app.accounts.try_code(client.origin)?;
    let id = assertion.id();
    let stored = app.store.passkey(&id).await?;
    let known = stored.as_ref().map(|stored| (&stored.person, stored.credential.as_str()));
    let changed = app.accounts.ceremonies().logged_in(&address, &assertion, known)?;
    let person = stored.ok_or(Refused::PasskeyFailed)?.person;
    let (session, secret) = Accounts::new_session(&person.id, client.whence.clone());
    let session_id = session.id.clone();
    // It may have been removed, or the account closed, while the signature was looked at.
    let begun = app.store.log_in_by_passkey(&id, changed, session).await?;
    let begun = begun.ok_or(Refused::PasskeyFailed)?;
    app.accounts.cut(&begun.ended);
    client.leave(&app).await;
    welcome(&app, &client, person, session_id, &begun, &secret).await
}

#[cfg(test)]
mod tests;

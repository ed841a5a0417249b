//! The requests of accounts: who one is, coming in and going out. What one does with an account is in [`own`].

mod own;

use std::convert::Infallible;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};

use super::contract::{BeGuest, LogIn, Me, Person, Reset, Role, SetUp, SignUp};
use super::powers::checked_hue;
use super::sessions::From as Whence;
use super::store::{Begun, GuestMade, NewPerson, Right, StoredSession};
use super::{Accounts, cookies, hue_of, passwords};
use crate::api::Json;
use crate::app::App;
use crate::id::{Digest, Secret, new_id};
use crate::input::Nickname;
use crate::quota::Origin;
use crate::refusal::Refused;

/// The routes below `/api`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/me", get(me))
        .route("/setup", post(set_up))
        .route("/login", post(log_in))
        .route("/guests", post(be_guest))
        .route("/signup", post(sign_up))
        .route("/reset", post(reset))
        .route("/logout", post(own::log_out))
        .route("/logout-everywhere", post(own::log_out_everywhere))
        .route("/profile", put(own::change_profile))
        .route("/password", put(own::change_password))
        .route("/account/close", post(own::close))
        .route("/sessions", get(own::sessions))
        .route("/sessions/{id}", delete(own::end_session))
        .route("/blocks/{person}", put(own::block).delete(own::unblock))
}

/// Whoever is logged in, by the request's cookie; nobody is refused with `unauthorized`.
#[derive(Clone, Debug)]
pub(crate) struct LoggedIn {
    /// Who.
    pub(crate) person: Person,
    /// The id of the session.
    pub(crate) session: String,
    /// When it ends.
    pub(crate) expires_at: i64,
    /// Where the request comes from.
    pub(crate) client: Client,
}

/// Where a request comes from.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Whose share it uses.
    pub(crate) origin: Origin,
    /// Whether the client used TLS.
    pub(crate) is_secure: bool,
    /// As it is kept with a session.
    pub(crate) whence: Whence,
    /// What the session's cookie has in it.
    cookie: Option<String>,
}

impl FromRequestParts<App> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let source = app.reach.source(parts);
        Ok(Client {
            origin: Origin::of(source.address.map(|address| address.ip())),
            is_secure: source.secure,
            whence: Whence::of(parts, &app.reach),
            cookie: cookies::read(&parts.headers, source.secure).map(str::to_owned),
        })
    }
}

impl FromRequestParts<App> for LoggedIn {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let Ok(client) = Client::from_request_parts(parts, app).await;
        let session = client.session(app).await?.ok_or(Refused::Unauthorized)?;
        let StoredSession { id, person, expires_at, .. } = session;
        Ok(LoggedIn { person, session: id, expires_at, client })
    }
}

impl LoggedIn {
    /// Refuses guests.
    pub(crate) fn with_account(self) -> Result<Self, Refused> {
        if self.person.role == Role::Guest {
            return Err(Refused::GuestOwnsNothing);
        }
        Ok(self)
    }

    /// Refuses whoever may not do what this role may.
    pub(crate) fn at_least(self, role: Role) -> Result<Self, Refused> {
        if self.person.role < role {
            return Err(Refused::Forbidden);
        }
        Ok(self)
    }
}

impl Client {
    async fn session(&self, app: &App) -> Result<Option<StoredSession>, Refused> {
        let Some(cookie) = &self.cookie else { return Ok(None) };
        let session = app.accounts.session(cookie).await?;
        if let Some(session) = &session {
            app.accounts.use_session(session, self.whence.address.clone()).await;
        }
        Ok(session)
    }

    /// Ends the session that this browser had so far, since its cookie is replaced.
    pub(crate) async fn leave(&self, app: &App) {
        let end = async {
            let Some(cookie) = &self.cookie else { return Ok(()) };
            let Some(before) = app.accounts.session(cookie).await? else { return Ok(()) };
            app.accounts.end_session(&before.person.id, &before.id).await
        };
        // The new one has begun, so nobody is refused for what became of the old one.
        if let Err(refused) = end.await {
            tracing::debug!(%refused, "a session that is replaced was not ended");
        }
    }
}

/// Says who somebody is now, with the cookie of the session that has begun.
pub(crate) async fn welcome(
    app: &App,
    client: &Client,
    person: Person,
    session: String,
    begun: &Begun,
    secret: &Secret,
) -> Result<Response, Refused> {
    let session =
        StoredSession { id: session, person, used_at: super::now(), expires_at: begun.expires_at };
    let me = app.accounts.me(session).await?;
    let mut response = Json(me).into_response();
    set_cookie(&mut response, cookies::of(secret, client.is_secure));
    Ok(response)
}

/// Nothing, and no session any more.
fn farewell(client: &Client) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, cookies::clear(client.is_secure));
    response
}

fn set_cookie(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

async fn me(State(app): State<App>, request: Parts) -> Result<Response, Refused> {
    let (mut boot, renewed) = app.accounts.boot(&request, &app.reach).await?;
    boot.picture_bytes_max = app.pictures.bytes_max;
    let mut response = Json(boot).into_response();
    set_cookie(&mut response, renewed);
    Ok(response)
}

async fn set_up(
    State(app): State<App>,
    client: Client,
    Json(request): Json<SetUp>,
) -> Result<Response, Refused> {
    let accounts = &app.accounts;
    accounts.0.attempts.code(client.origin)?;
    let code = accounts.setup_code().ok_or(Refused::NotThere)?;
    if Digest::of(&request.code) != Some(code.digest()) {
        return Err(Refused::Forbidden);
    }
    begin_account(&app, client, (&request.name, &request.password, None), Right::First).await
}

async fn sign_up(
    State(app): State<App>,
    client: Client,
    Json(request): Json<SignUp>,
) -> Result<Response, Refused> {
    app.accounts.0.attempts.code(client.origin)?;
    let code = Digest::of(&request.code).ok_or(Refused::InvitationOver)?;
    if app.store.look_at_invitation(&code, super::now()).await?.is_none() {
        return Err(Refused::InvitationOver);
    }
    let guest = client.session(&app).await?.map(|session| session.person);
    let guest = guest.filter(|person| person.role == Role::Guest).map(|person| person.id);
    let who = (request.name.as_str(), request.password.as_str(), request.colour);
    begin_account(&app, client, who, Right::Invited { code, guest }).await
}

/// Makes an account and begins its first session.
async fn begin_account(
    app: &App,
    client: Client,
    (name, password, colour): (&str, &str, Option<u16>),
    right: Right,
) -> Result<Response, Refused> {
    app.accounts.0.attempts.password(client.origin)?;
    let new = app.accounts.new_account(name, password, colour).await?;
    let (session, secret) = Accounts::new_session(&new.id, client.whence.clone());
    let id = session.id.clone();
    let was_guest = matches!(&right, Right::Invited { guest: Some(_), .. });
    let (person, begun) = app.accounts.make(new, right, Some(session)).await?;
    client.leave(app).await;
    if was_guest {
        app.accounts.everybody_hears(&person);
    }
    welcome(app, &client, person, id, &begun, &secret).await
}

async fn log_in(
    State(app): State<App>,
    client: Client,
    Json(request): Json<LogIn>,
) -> Result<Response, Refused> {
    // No account has a name that is none; that much everybody may know.
    let name = Nickname::parse(&request.name).map_err(|_| Refused::WrongLogin)?;
    let look = name.skeleton();
    app.accounts.0.attempts.log_in(client.origin, &look)?;
    let account = app.store.account(&look).await?;
    let kept = account.as_ref().and_then(|account| account.password.as_deref());
    if !app.passwords.verify(&request.password, kept).await? {
        return Err(Refused::WrongLogin);
    }
    let account = account.ok_or(Refused::WrongLogin)?;
    let password = account.password.ok_or(Refused::WrongLogin)?;
    let (session, secret) = Accounts::new_session(&account.person.id, client.whence.clone());
    let id = session.id.clone();
    // The password may have been changed while a core compared it.
    let begun = app.store.log_in(session, password).await?.ok_or(Refused::WrongLogin)?;
    app.accounts.cut(&begun.ended);
    client.leave(&app).await;
    welcome(&app, &client, account.person, id, &begun, &secret).await
}

async fn be_guest(
    State(app): State<App>,
    client: Client,
    Json(request): Json<BeGuest>,
) -> Result<Response, Refused> {
    if !app.accounts.has_guests() {
        return Err(Refused::GuestsOff);
    }
    let name = Nickname::parse(&request.name)?;
    let colour = checked_hue(request.colour)?.unwrap_or_else(|| hue_of(name.as_str()));
    app.accounts.0.attempts.guest(client.origin)?;
    let new = NewPerson {
        id: new_id(),
        role: Role::Guest,
        skeleton: name.skeleton(),
        name: name.as_str().to_owned(),
        colour,
        password: None,
    };
    let person = Person {
        id: new.id.clone(),
        name: new.name.clone(),
        role: Role::Guest,
        colour,
        picture: None,
    };
    let (session, secret) = Accounts::new_session(&new.id, client.whence.clone());
    let id = session.id.clone();
    let begun = match app.store.create_guest(new, session).await? {
        GuestMade::Done(begun) => begun,
        GuestMade::NameTaken => return Err(Refused::NameTaken),
        GuestMade::Off => return Err(Refused::GuestsOff),
    };
    client.leave(&app).await;
    welcome(&app, &client, person, id, &begun, &secret).await
}

async fn reset(
    State(app): State<App>,
    client: Client,
    Json(request): Json<Reset>,
) -> Result<Response, Refused> {
    app.accounts.0.attempts.code(client.origin)?;
    let code = Digest::of(&request.code).ok_or(Refused::NotThere)?;
    let account = app.store.reset(&code, super::now()).await?.ok_or(Refused::NotThere)?;
    passwords::check(&request.password)?;
    app.accounts.0.attempts.password(client.origin)?;
    let hash = app.passwords.hash(&request.password).await?;
    let (session, secret) = Accounts::new_session(&account.person.id, client.whence.clone());
    let id = session.id.clone();
    let begun = app.store.use_reset(code, hash, session).await?.ok_or(Refused::NotThere)?;
    app.accounts.cut(&begun.ended);
    client.leave(&app).await;
    welcome(&app, &client, account.person, id, &begun, &secret).await
}

/// Of whom a request tells.
impl From<LoggedIn> for StoredSession {
    fn from(LoggedIn { person, session, expires_at, .. }: LoggedIn) -> Self {
        StoredSession { id: session, person, used_at: 0, expires_at }
    }
}

/// What somebody who is logged in is told of themselves.
async fn told(app: &App, who: LoggedIn, person: Person) -> Result<Json<Me>, Refused> {
    Ok(Json(app.accounts.me(LoggedIn { person, ..who }.into()).await?))
}

#[cfg(test)]
mod tests;

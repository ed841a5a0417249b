//! What one does with one's own account, sessions and blocks.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::super::contract::{ChangePassword, ChangeProfile, CloseAccount, Me, Role, SessionView};
use super::super::powers::checked_hue;
use super::super::store::NewLooks;
use super::super::{Accounts, now, passwords};
use super::{LoggedIn, farewell, told, welcome};
use crate::api::Json;
use crate::app::App;
use crate::input::{Emoji, Field, Nickname};
use crate::refusal::Refused;

pub(super) async fn log_out(State(app): State<App>, who: LoggedIn) -> Result<Response, Refused> {
    match app.accounts.end_session(&who.person.id, &who.session).await {
        Ok(()) | Err(Refused::NotThere) => Ok(farewell(&who.client)),
        Err(refused) => Err(refused),
    }
}

pub(super) async fn log_out_everywhere(
    State(app): State<App>,
    who: LoggedIn,
) -> Result<Response, Refused> {
    app.accounts.end_sessions(&who.person.id).await?;
    Ok(farewell(&who.client))
}

pub(super) async fn change_profile(
    State(app): State<App>,
    who: LoggedIn,
    Json(request): Json<ChangeProfile>,
) -> Result<Json<Me>, Refused> {
    let name = request.name.as_deref().map(Nickname::parse).transpose()?;
    let picture = match request.picture.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(picture) => Some(Some(Emoji::parse(picture, Field::Picture)?.into_string())),
    };
    let looks = NewLooks {
        name: name.map(|name| (name.as_str().to_owned(), name.skeleton())),
        colour: checked_hue(request.colour)?,
        picture,
    };
    app.accounts.0.attempts.change(&who.person.id)?;
    let person = app.accounts.change_looks(&who.person.id, looks).await?;
    told(&app, who, person).await
}

pub(super) async fn change_password(
    State(app): State<App>,
    who: LoggedIn,
    Json(request): Json<ChangePassword>,
) -> Result<Response, Refused> {
    let who = who.with_account()?;
    passwords::check(&request.new)?;
    let old = right_password(&app, &who, &request.old).await?;
    let hash = app.passwords.hash(&request.new).await?;
    let (session, secret) = Accounts::new_session(&who.person.id, who.client.whence.clone());
    let id = session.id.clone();
    let begun = app.store.set_password(hash, old, session).await?;
    let begun = begun.ok_or(Refused::WrongPassword)?;
    app.accounts.cut(&begun.ended);
    welcome(&app, &who.client, who.person, id, &begun, &secret).await
}

/// What is kept of the password that somebody gave rightly.
async fn right_password(app: &App, who: &LoggedIn, given: &str) -> Result<String, Refused> {
    let name = Nickname::parse(&who.person.name)?;
    app.accounts.0.attempts.log_in(who.client.origin, &name.skeleton())?;
    let account = app.store.account_by_id(&who.person.id).await?;
    let kept = account.and_then(|account| account.password);
    if !app.passwords.verify(given, kept.as_deref()).await? {
        return Err(Refused::WrongPassword);
    }
    kept.ok_or(Refused::WrongPassword)
}

pub(super) async fn close(
    State(app): State<App>,
    who: LoggedIn,
    Json(request): Json<CloseAccount>,
) -> Result<Response, Refused> {
    if who.person.role != Role::Guest {
        right_password(&app, &who, &request.password).await?;
    }
    app.accounts.close(&who.person.id).await?;
    // Of what is said in rooms they are no unread people any more.
    if let Some(io) = app.accounts.io() {
        app.reading.people_gone(&app, io);
    }
    Ok(farewell(&who.client))
}

pub(super) async fn sessions(
    State(app): State<App>,
    who: LoggedIn,
) -> Result<Json<Vec<SessionView>>, Refused> {
    let sessions = app.store.sessions(&who.person.id, now()).await?;
    let marked = sessions.into_iter().map(|(session, _)| {
        let is_this = session.id == who.session;
        SessionView { is_this, ..session }
    });
    Ok(Json(marked.collect()))
}

pub(super) async fn end_session(
    State(app): State<App>,
    who: LoggedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    app.accounts.end_session(&who.person.id, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn block(
    app: State<App>,
    who: LoggedIn,
    person: Path<String>,
) -> Result<StatusCode, Refused> {
    set_block(app, who, person, true).await
}

pub(super) async fn unblock(
    app: State<App>,
    who: LoggedIn,
    person: Path<String>,
) -> Result<StatusCode, Refused> {
    set_block(app, who, person, false).await
}

async fn set_block(
    State(app): State<App>,
    who: LoggedIn,
    Path(person): Path<String>,
    is_blocked: bool,
) -> Result<StatusCode, Refused> {
    if person == who.person.id {
        return Err(Refused::BadRequest("nobody blocks themselves".to_owned()));
    }
    app.accounts.0.attempts.change(&who.person.id)?;
    match app.store.block(&who.person.id, &person, is_blocked).await? {
        Some(true) => {
            app.accounts.tell(&who.person).await;
            if let Some(io) = app.accounts.io() {
                app.reading.recount_all_of(&app, io, &who.person.id);
            }
            Ok(StatusCode::NO_CONTENT)
        }
        Some(false) => Err(Refused::NotThere),
        None => Err(Refused::BlocksFull),
    }
}

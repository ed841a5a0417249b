//! The requests of invitations.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{delete, post};
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Serialize;

use super::contract::{Invitation, InvitationView, Invite, Invited, Look};
use super::store::{Accepted, InvitationMade, NewInvitation};
use super::{SECONDS_DEFAULT, SECONDS_MAX, USES_MAX};
use crate::accounts::contract::Role;
use crate::accounts::http::{Client, LoggedIn};
use crate::accounts::now;
use crate::admin::Admin;
use crate::api::Json;
use crate::app::App;
use crate::id::{Digest, Secret, new_id};
use crate::refusal::Refused;

/// The width and height of a QR code at least, in pixels.
const QR_PIXELS_MIN: u32 = 240;

/// The routes below `/api`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/invitations", post(invite).get(list))
        .route("/invitations/look", post(look))
        .route("/invitations/accept", post(accept))
        .route("/invitations/{id}", delete(revoke))
}

async fn look(
    State(app): State<App>,
    client: Client,
    Json(request): Json<Look>,
) -> Result<Json<InvitationView>, Refused> {
    app.accounts.try_code(client.origin)?;
    let code = Digest::of(&request.code).ok_or(Refused::InvitationOver)?;
    let found = app.store.look_at_invitation(&code, now()).await?;
    found.map(Json).ok_or(Refused::InvitationOver)
}

async fn invite(
    State(app): State<App>,
    who: LoggedIn,
    request: Parts,
    Json(wanted): Json<Invite>,
) -> Result<Json<Invited>, Refused> {
    let who = who.with_account()?;
    app.accounts.try_change(&who.person.id)?;
    let addresses = app.reach.addresses(&request);
    Admin::new(app).invite(&who.into(), &wanted, addresses).await.map(Json)
}

impl App {
    /// Makes an invitation, by somebody who may, or by the command line.
    ///
    /// # Errors
    /// What is wanted makes no sense, or is not theirs to give; or nothing could be stored.
    pub(crate) async fn invite(
        &self,
        wanted: &Invite,
        by: Option<&str>,
        addresses: Vec<String>,
    ) -> Result<Invited, Refused> {
        let bad = |problem: &str| Err(Refused::BadRequest(problem.to_owned()));
        if !matches!(wanted.role, Role::Member | Role::Moderator) {
            return bad("the role of an invitation is member or moderator");
        }
        let seconds = wanted.seconds.unwrap_or(SECONDS_DEFAULT);
        if !(1..=SECONDS_MAX).contains(&seconds) {
            return bad("an invitation is valid for 1 second to a year (31536000 seconds)");
        }
        if wanted.uses.is_some_and(|uses| !(1..=USES_MAX).contains(&uses)) {
            return bad("an invitation can be used 1 to 10000 times, or as often as one likes");
        }
        let code = Secret::new();
        let new = NewInvitation {
            id: new_id(),
            code: code.digest(),
            role: wanted.role,
            room: wanted.room.clone(),
            uses: wanted.uses,
            by: by.map(str::to_owned),
            lifetime: i64::from(seconds) * 1_000,
        };
        let invitation = match self.store.make_invitation(new).await? {
            InvitationMade::Done(invitation) => invitation,
            InvitationMade::Forbidden => return Err(Refused::Forbidden),
            InvitationMade::Gone => return Err(Refused::NotThere),
            InvitationMade::Full => return Err(Refused::InvitationsFull),
        };
        let link = addresses.first().map(|address| format!("{address}/invite#{}", code.as_str()));
        let qr = link.and_then(|link| qr(&link)).unwrap_or_default();
        Ok(Invited { invitation, code: code.as_str().to_owned(), addresses, qr })
    }
}

/// A link as an image; `None`: it is too long for one.
fn qr(link: &str) -> Option<String> {
    let code = QrCode::new(link).ok()?;
    let image =
        code.render::<svg::Color<'_>>().min_dimensions(QR_PIXELS_MIN, QR_PIXELS_MIN).build();
    // Inside of a page there is no declaration of XML.
    image.find("<svg").map(|start| image[start..].to_owned())
}

async fn list(State(app): State<App>, who: LoggedIn) -> Result<Json<Vec<Invitation>>, Refused> {
    let who = who.at_least(Role::Moderator)?;
    Ok(Json(app.store.invitations(Some(&who.person.id)).await?))
}

async fn revoke(
    State(app): State<App>,
    who: LoggedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    Admin::new(app).revoke(&who.into(), &id).await.map(|()| StatusCode::NO_CONTENT)
}

#[derive(Serialize)]
struct LeadsTo {
    room: String,
}

async fn accept(
    State(app): State<App>,
    who: LoggedIn,
    Json(request): Json<Look>,
) -> Result<Json<LeadsTo>, Refused> {
    app.accounts.try_code(who.client.origin)?;
    let code = Digest::of(&request.code).ok_or(Refused::InvitationOver)?;
    match app.store.accept_invitation(code, &who.person.id).await? {
        Accepted::Room(room, is_new) => {
            if is_new && let Some(io) = app.accounts.io() {
                app.rooms.joined(&app, io, &room, &who.person.id).await?;
            }
            Ok(Json(LeadsTo { room }))
        }
        Accepted::Banned => Err(Refused::Banned),
        Accepted::Over => Err(Refused::InvitationOver),
    }
}

#[cfg(test)]
mod tests;

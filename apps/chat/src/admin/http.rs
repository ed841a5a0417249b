//! Administration over HTTP.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::routing::{delete, get, post, put};
use url::form_urlencoded;

use super::contract::{
    AuditEntry, ChangePerson, Link, Overview, PeoplePage, PersonRow, RoomRow, Settings,
};
use super::{Actor, Admin};
use crate::accounts::http::LoggedIn;
use crate::api::Json;
use crate::app::App;
use crate::refusal::Refused;

/// The routes below `/api`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/admin/overview", get(overview))
        .route("/admin/people", get(people))
        .route("/admin/people/{id}", put(change))
        .route("/admin/people/{id}/reset", post(reset))
        .route("/admin/people/{id}/end-sessions", post(end_sessions))
        .route("/admin/people/{id}/close", post(close))
        .route("/admin/rooms", get(rooms))
        .route("/admin/rooms/{id}", delete(delete_room))
        .route("/admin/settings", put(set))
        .route("/admin/audit", get(audit))
}

impl From<LoggedIn> for Actor {
    fn from(who: LoggedIn) -> Self {
        Actor::Person(who.person)
    }
}

/// What is asked for behind the `?` under a name.
fn asked(uri: &Uri, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Whoever changes something, at a rate that leaves what was done in the audit log for a while.
fn changes(app: &App, who: LoggedIn) -> Result<Actor, Refused> {
    app.accounts.try_change(&who.person.id)?;
    Ok(who.into())
}

async fn overview(State(app): State<App>, who: LoggedIn) -> Result<Json<Overview>, Refused> {
    Admin::new(app).overview(&who.into()).await.map(Json)
}

async fn people(
    State(app): State<App>,
    who: LoggedIn,
    uri: Uri,
) -> Result<Json<PeoplePage>, Refused> {
    let (after, search) = (asked(&uri, "after"), asked(&uri, "search").unwrap_or_default());
    Admin::new(app).people(&who.into(), after.as_deref(), &search).await.map(Json)
}

async fn change(
    State(app): State<App>,
    who: LoggedIn,
    Path(person): Path<String>,
    Json(ChangePerson { role }): Json<ChangePerson>,
) -> Result<Json<PersonRow>, Refused> {
    let by = changes(&app, who)?;
    Admin::new(app).change_role(by, person, role).await.map(Json)
}

async fn reset(
    State(app): State<App>,
    who: LoggedIn,
    Path(person): Path<String>,
) -> Result<Json<Link>, Refused> {
    let by = changes(&app, who)?;
    Admin::new(app).reset(by, person).await.map(Json)
}

async fn end_sessions(
    State(app): State<App>,
    who: LoggedIn,
    Path(person): Path<String>,
) -> Result<StatusCode, Refused> {
    let by = changes(&app, who)?;
    Admin::new(app).end_sessions(by, person).await.map(|()| StatusCode::NO_CONTENT)
}

async fn close(
    State(app): State<App>,
    who: LoggedIn,
    Path(person): Path<String>,
) -> Result<StatusCode, Refused> {
    let by = changes(&app, who)?;
    Admin::new(app).close(by, person).await.map(|()| StatusCode::NO_CONTENT)
}

async fn rooms(
    State(app): State<App>,
    who: LoggedIn,
    uri: Uri,
) -> Result<Json<Vec<RoomRow>>, Refused> {
    let after = asked(&uri, "after");
    Admin::new(app).rooms(&who.into(), after.as_deref()).await.map(Json)
}

async fn delete_room(
    State(app): State<App>,
    who: LoggedIn,
    Path(room): Path<String>,
) -> Result<StatusCode, Refused> {
    let by = changes(&app, who)?;
    Admin::new(app).delete_room(by, room).await.map(|()| StatusCode::NO_CONTENT)
}

async fn set(
    State(app): State<App>,
    who: LoggedIn,
    Json(settings): Json<Settings>,
) -> Result<Json<Settings>, Refused> {
    let by = changes(&app, who)?;
    Admin::new(app).set(by, settings).await.map(Json)
}

async fn audit(
    State(app): State<App>,
    who: LoggedIn,
    uri: Uri,
) -> Result<Json<Vec<AuditEntry>>, Refused> {
    let before = asked(&uri, "before").map(|before| before.parse()).transpose();
    let before = before.map_err(|_| {
        Refused::BadRequest("`before` is the id of an entry of the audit log, a number".to_owned())
    })?;
    Admin::new(app).audit(&who.into(), before).await.map(Json)
}

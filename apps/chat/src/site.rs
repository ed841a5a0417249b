//! The pages over HTTP: the list of rooms, a room, the files of the page, and `/healthz`.
//!
//! | path | answer |
//! |---|---|
//! | `/` | the list of rooms |
//! | `/room`, `/room/<name>` | a room; `/room` is the first one |
//! | `/api/rooms` | the list of rooms as JSON, `RoomSummary[]` |
//! | `/healthz` | 200 `ok`, or 503 and why: the server stops, or cannot store messages |
//! | anything else | a file of the page, or 404 |
//!
//! Nothing here reads a request's body.

pub(crate) mod html;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::contract::{Boot, FIRST_ROOM, RoomSummary};
use crate::input::RoomName;
use crate::people::{Crowd, People};
use crate::store::{MadeRoom, ROOMS_LISTED_MAX, Store, StoreError};
use crate::ui::Ui;

/// The most bytes of a request's body, should a route ever read one.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// How long the list of rooms stays as it is, however many ask and whatever happens.
const LIST_VALIDITY: Duration = Duration::from_secs(1);

/// Everything comes from this server, nothing is inline, nobody may frame the pages.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'none'";

/// What the pages are made from.
#[derive(Debug)]
pub struct Site {
    store: Arc<Store>,
    people: Arc<People>,
    ui: Ui,
    has_lab: bool,
    listed: Mutex<Option<Listed>>,
    is_stopping: AtomicBool,
}

/// The list of rooms as it is sent, one for all who ask: they may take their time to take it.
#[derive(Clone, Debug)]
struct Listed {
    at: Instant,
    json: Bytes,
    html: Bytes,
}

impl Site {
    /// The pages of this store, with these files.
    pub fn new(store: Arc<Store>, people: Arc<People>, ui: Ui) -> Self {
        let (listed, is_stopping) = (Mutex::default(), AtomicBool::new(false));
        Site { store, people, ui, has_lab: false, listed, is_stopping }
    }

    /// Whether the pages have a link to the lab. Default: no.
    #[must_use]
    pub fn with_lab(mut self, has_lab: bool) -> Self {
        self.has_lab = has_lab;
        self
    }

    /// From now on `/healthz` says that the server stops, so that a load balancer goes elsewhere.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// The routes.
    pub fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/", get(index))
            .route("/room", get(first_room))
            .route("/room/", get(async || Redirect::permanent("/room")))
            .route("/room/{name}", get(room))
            .route("/api/rooms", get(rooms))
            .route("/healthz", get(health))
            .fallback(file)
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .layer(map_response(secure))
            .with_state(self)
    }

    /// The rooms to list: the first room, new ones nobody has written in yet, then those with the
    /// newest messages. When there are too many, whoever made most of them has to stand back.
    async fn rooms(&self) -> Result<Vec<RoomSummary>, StoreError> {
        let mut rooms = self.store.rooms().await?;
        let crowds = self.people.rooms();
        let mut crowds: HashMap<&str, _> =
            crowds.iter().map(|(room, crowd)| (room.as_str(), *crowd)).collect();
        for (_, room) in &mut rooms {
            room.people = crowds.remove(&*room.name).map_or(0, |crowd| crowd.people);
        }
        let new = crowds.into_iter().map(|(name, Crowd { people, first })| {
            (Some(first.to_string()), RoomSummary { name: name.to_owned(), people, last: None })
        });
        rooms.extend(new);
        let first = match rooms.iter().position(|(_, room)| room.name == FIRST_ROOM) {
            Some(at) => rooms.swap_remove(at).1,
            None => RoomSummary { name: FIRST_ROOM.to_owned(), people: 0, last: None },
        };
        let mut listed = vec![first];
        listed.extend(fair(rooms, ROOMS_LISTED_MAX as usize - 1));
        Ok(listed)
    }

    /// The list of rooms as of a moment ago.
    async fn listed(&self) -> Result<Listed, StoreError> {
        let mut listed = self.listed.lock().await;
        if let Some(listed) = &*listed
            && listed.at.elapsed() < LIST_VALIDITY
        {
            return Ok(listed.clone());
        }
        let rooms = self.rooms().await?;
        let json = serde_json::to_vec(&rooms).expect("plain structs with string keys").into();
        let links = html::room_links(&rooms);
        let page = self.ui.page(&Boot::Rooms { rooms, lab: self.has_lab }, &links);
        let page = page.unwrap_or_else(|| html::document(&format!("{}{links}", html::NO_UI)));
        let new = Listed { at: Instant::now(), json, html: page.into() };
        Ok(listed.insert(new).clone())
    }

    /// The answer at a path where there is nothing.
    pub(crate) fn missing(&self) -> Response {
        let page = self.ui.page(&Boot::Missing, html::MISSING);
        let page = page.unwrap_or_else(|| html::document(html::MISSING));
        (StatusCode::NOT_FOUND, [NOT_CACHED], Html(page)).into_response()
    }
}

/// At most so many, in order, with the same share for every maker.
fn fair(mut rooms: Vec<MadeRoom>, max: usize) -> Vec<RoomSummary> {
    rooms.sort_by_cached_key(|(_, room)| order(room));
    let mut of_maker = HashMap::new();
    let mut ranked: Vec<(u32, RoomSummary)> = rooms
        .into_iter()
        .map(|(maker, room)| {
            let nth = of_maker.entry(maker).or_insert(0);
            *nth += 1;
            (*nth, room)
        })
        .collect();
    ranked.sort_by_key(|(nth, _)| *nth);
    ranked.truncate(max);
    let mut rooms: Vec<_> = ranked.into_iter().map(|(_, room)| room).collect();
    rooms.sort_by_cached_key(order);
    rooms
}

fn order(room: &RoomSummary) -> impl Ord + use<> {
    let newest = room.last.as_ref().map_or(i64::MAX, |last| last.id);
    (Reverse(newest), Reverse(room.people), room.name.clone())
}

const NOT_CACHED: (HeaderName, &str) = (header::CACHE_CONTROL, "no-cache");

async fn index(State(site): State<Arc<Site>>) -> Response {
    match site.listed().await {
        Ok(listed) => ([NOT_CACHED], Html(listed.html)).into_response(),
        Err(error) => failed(&error),
    }
}

async fn first_room(State(site): State<Arc<Site>>) -> Response {
    room_page(&site, FIRST_ROOM)
}

/// A name that is not UTF-8 once decoded is rejected by [`Path`]; one that no room can have is as
/// unknown as any other page.
async fn room(
    State(site): State<Arc<Site>>,
    name: Result<Path<String>, PathRejection>,
) -> Response {
    match name.map(|Path(name)| RoomName::parse(&name)) {
        Ok(Ok(room)) => room_page(&site, room.as_str()),
        Ok(Err(_)) | Err(_) => site.missing(),
    }
}

fn room_page(site: &Site, room: &str) -> Response {
    let page =
        site.ui.page(&Boot::Room { room: room.to_owned(), lab: site.has_lab }, html::NEEDS_SCRIPT);
    let page = page.unwrap_or_else(|| html::document(html::NO_UI));
    ([NOT_CACHED], Html(page)).into_response()
}

async fn rooms(State(site): State<Arc<Site>>) -> Response {
    let headers = [NOT_CACHED, (header::CONTENT_TYPE, "application/json")];
    match site.listed().await {
        Ok(listed) => (headers, listed.json).into_response(),
        Err(error) => failed(&error),
    }
}

async fn health(State(site): State<Arc<Site>>) -> Response {
    let answer = if site.is_stopping.load(Ordering::Relaxed) {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping".to_owned())
    } else {
        match site.store.health().await {
            Ok(()) => (StatusCode::OK, "ok".to_owned()),
            Err(fault) => {
                let why = format!("messages cannot be stored: {}", html::chain(&fault));
                (StatusCode::SERVICE_UNAVAILABLE, why)
            }
        }
    };
    ([NOT_CACHED], answer).into_response()
}

async fn file(State(site): State<Arc<Site>>, request: Request) -> Response {
    asset(&site.ui, &request).unwrap_or_else(|| site.missing())
}

/// The file of the page that is asked for.
pub(crate) fn asset(ui: &Ui, request: &Request) -> Option<Response> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let asset = ui.file(request.uri().path().trim_start_matches('/'))?;
    let caching =
        if asset.is_immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [(header::CACHE_CONTROL, caching), (header::CONTENT_TYPE, asset.content_type)];
    Some((headers, asset.body.clone()).into_response())
}

fn failed(error: &StoreError) -> Response {
    tracing::error!(error = %html::chain(error), "the list of rooms could not be read");
    let page = html::document(html::FAILED);
    (StatusCode::INTERNAL_SERVER_ERROR, [NOT_CACHED], Html(page)).into_response()
}

/// Adds the headers that keep pages to themselves; a policy that is there already stays.
pub(crate) async fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Room names are nobody else's business.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;

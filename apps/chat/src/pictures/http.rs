//! Pictures come in and go out.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream;
use http_body_util::BodyExt as _;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use super::files::Incoming;
use super::store::NewPicture;
use super::{blocking, failed};
use crate::accounts::http::LoggedIn;
use crate::accounts::now;
use crate::api::Json;
use crate::app::App;
use crate::id::new_id;
use crate::messages::contract::Picture;
use crate::refusal::Refused;
use crate::rooms::access::Access;

/// How long a body may take to begin, and how much later it may end for each byte of it: 16 KiB a second.
const BODY_BEGINS_WITHIN: Duration = Duration::from_secs(30);
const BODY_BYTES_PER_SECOND: u64 = 16 * 1024;
/// Bytes that wait to be written to a file.
const WRITE_BYTES: usize = 64 * 1024;
/// Bytes of a file that are read, and wait to be sent.
const READ_BYTES: usize = 64 * 1024;

/// The routes below `/api`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/rooms/{room}/pictures", post(send))
        .route("/rooms/{room}/pictures/{id}", get(picture))
        .route("/rooms/{room}/pictures/{id}/thumbnail", get(thumbnail))
}

/// Whether it has a body that is a file and no JSON.
pub(crate) fn is_file(request: &Request) -> bool {
    let path = request.uri().path();
    path.strip_suffix("/pictures").is_some_and(|path| path.contains("/rooms/"))
}

async fn send(
    State(app): State<App>,
    who: LoggedIn,
    Path(room): Path<String>,
    request: Request,
) -> Result<Json<Picture>, Refused> {
    let (person, origin) = (&who.person.id, who.client.origin);
    check_may_say(&app, &room, person).await?;
    app.store.check_room_for_pictures()?;
    let pictures = &app.pictures;
    let bytes = declared(request.headers()).unwrap_or(pictures.bytes_max);
    if bytes > pictures.bytes_max {
        return Err(Refused::FileLarge(pictures.bytes_max));
    }
    app.usage.picture(person, origin, bytes)?;
    let _place = pictures.let_in(person, origin).await?;
    let incoming = pictures.files.incoming();
    receive(request.into_body(), &incoming, pictures.bytes_max).await?;
    let made = pictures.convert(person, &incoming).await?;
    let files = pictures.files.clone();
    let (file, thumbnail) = blocking(move || {
        let file = files.keep(&incoming.picture, made.format)?;
        let thumbnail = made.thumbnail;
        let thumbnail = thumbnail.map(|format| files.keep(&incoming.thumbnail, format));
        Ok((file, thumbnail.transpose()?))
    })
    .await?;
    let picture = Picture {
        id: new_id(),
        width: made.width,
        height: made.height,
        bytes: file.bytes(),
        is_animated: made.is_animated,
    };
    let new = NewPicture {
        room,
        person: person.clone(),
        picture: picture.clone(),
        file: file.name().to_owned(),
        thumbnail: thumbnail.as_ref().unwrap_or(&file).name().to_owned(),
    };
    app.store.add_picture(new).await?;
    Ok(Json(picture))
}

/// Whoever may not read the room learns nothing of it.
async fn check_may_say(app: &App, room: &str, person: &str) -> Result<(), Refused> {
    let found = app.store.room(room, person).await?.ok_or(Refused::NotThere)?;
    let Access::Member(_) = found.access() else { return Err(Refused::NotThere) };
    let until = found.place.and_then(|place| place.muted_until).unwrap_or_default();
    match u64::try_from(until - now()) {
        Ok(left @ 1..) => Err(Refused::Muted(Duration::from_millis(left))),
        _ => Ok(()),
    }
}

/// How long the body says it is.
fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Writes the body to a file as it comes.
async fn receive(mut body: Body, incoming: &Incoming, bytes_max: u64) -> Result<(), Refused> {
    let io = |error: io::Error| failed(&error);
    let mut file = File::create(&incoming.sent).await.map_err(io)?;
    file.set_max_buf_size(WRITE_BYTES);
    let begun = Instant::now();
    let mut bytes = 0;
    loop {
        let brought = Duration::from_secs(bytes / BODY_BYTES_PER_SECOND);
        let frame = timeout_at(begun + BODY_BEGINS_WITHIN + brought, body.frame()).await;
        let Some(frame) = frame.map_err(|_| Refused::BodyLate)? else { break };
        let broken = |_| Refused::BadRequest("the body broke off".to_owned());
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        bytes += data.len() as u64;
        if bytes > bytes_max {
            return Err(Refused::FileLarge(bytes_max));
        }
        file.write_all(&data).await.map_err(io)?;
    }
    file.flush().await.map_err(io)
}

async fn picture(
    State(app): State<App>,
    who: LoggedIn,
    Path((room, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let files = found(&app, &who, &room, &id).await?;
    serve(&app, &files.file, &headers).await
}

async fn thumbnail(
    State(app): State<App>,
    who: LoggedIn,
    Path((room, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let files = found(&app, &who, &room, &id).await?;
    serve(&app, &files.thumbnail, &headers).await
}

/// The picture, for whoever may read the room now.
async fn found(
    app: &App,
    who: &LoggedIn,
    room: &str,
    id: &str,
) -> Result<super::store::PictureFiles, Refused> {
    let place = app.store.room(room, &who.person.id).await?.ok_or(Refused::NotThere)?;
    let Access::Member(_) = place.access() else { return Err(Refused::NotThere) };
    app.store.picture(room, id, &who.person.id).await?.ok_or(Refused::NotThere)
}

/// Nothing in it is run, nothing is loaded by it, whatever a browser takes it for.
const POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";
/// The same id is the same picture for ever; whether one may see it is asked again after an hour.
const KEPT: &str = "private, max-age=3600, immutable";

async fn serve(app: &App, name: &str, asked: &HeaderMap) -> Result<Response, Refused> {
    let (kind, shown) = match name.rsplit_once('.') {
        Some((_, "png")) => ("image/png", "inline; filename=\"picture.png\""),
        Some((_, "gif")) => ("image/gif", "inline; filename=\"picture.gif\""),
        _ => ("image/jpeg", "inline; filename=\"picture.jpg\""),
    };
    let tag = format!("\"{}\"", name.get(..32).unwrap_or(name));
    let fixed: [(HeaderName, &str); 4] = [
        (header::CACHE_CONTROL, KEPT),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CONTENT_DISPOSITION, shown),
        (header::ETAG, &tag),
    ];
    let is_known = asked.get_all(header::IF_NONE_MATCH).iter().any(|known| {
        known.to_str().is_ok_and(|known| known.split(',').any(|known| known.trim() == tag))
    });
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, fixed).into_response());
    }
    let missing = |error: io::Error| {
        tracing::error!(%error, name, "the file of a picture cannot be read");
        if error.kind() == io::ErrorKind::NotFound { Refused::NotThere } else { Refused::Storage }
    };
    let file = File::open(app.pictures.files.path(name)).await.map_err(missing)?;
    let length = file.metadata().await.map_err(missing)?.len();
    let body = Body::from_stream(stream::try_unfold(file, read));
    let mut response = ([(header::CONTENT_TYPE, kind)], fixed, body).into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

/// The next part of a file.
async fn read(mut file: File) -> io::Result<Option<(Bytes, File)>> {
    let mut part = Vec::with_capacity(READ_BYTES);
    let count = (&mut file).take(READ_BYTES as u64).read_to_end(&mut part).await?;
    Ok((count > 0).then(|| (part.into(), file)))
}

#[cfg(test)]
mod tests;

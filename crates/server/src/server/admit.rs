//! Admission of readers over plain HTTP to a namespace.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use http::request::Parts;
use serde_json::value::RawValue;
use sockeye_engine::{Handshake, Refusal};

use super::Server;
use crate::error::Refuse;
use crate::handler::running::panic_message;
use crate::namespace::active::Siblings;
use crate::namespace::visitor::Visitor;

impl Server {
    /// Decides whether a reader over plain HTTP is admitted to a namespace, by the rules for
    /// clients: the page's origin, the hook
    /// [`allow_request`](sockeye_engine::Hooks::allow_request), the namespace's
    /// [`on_connect`](crate::Namespace::on_connect). [`Visitor::may_read`] decides what it may read
    /// there. Its method and its host are not checked: they are up to whoever serves it.
    ///
    /// `auth` is what a client sends when it connects, a JSON object; the empty text stands for
    /// `{}`. A rule that asks for [`Socket`](crate::Socket) lets no reader in. A namespace is found
    /// if it exists, by its name with or without the slash. A reader makes no
    /// [dynamic](crate::Namespace::matching) one, so a name that would be made for a client is an
    /// `Invalid namespace` to a reader until a client has connected.
    ///
    /// Nothing is kept between two calls: each decides everything again. A [`Visitor`] that is kept
    /// instead holds only its request's head and what the rules set on it.
    ///
    /// # Errors
    /// [`Refuse`] with what may be shown to the reader. It is logged with the level debug, a failure
    /// of a rule (an error that is no `Refuse`) with the level warn and its causes, a panic with the
    /// level error.
    ///
    /// # Cancel safety
    /// Safe: the rules are dropped where they stand. They have
    /// [`connect_timeout`](crate::Config::connect_timeout) to answer, the hook
    /// [`hook_timeout`](sockeye_engine::Config::hook_timeout). Has to be called inside of a tokio
    /// runtime.
    ///
    /// ```
    /// use sockeye::{Refuse, Server, Visitor};
    ///
    /// /// `GET /news?room=..`
    /// async fn reader(server: &Server, request: http::Request<()>) -> Result<Visitor, Refuse> {
    ///     let (head, ()) = request.into_parts();
    ///     let visitor = server.admit("/news", &head, "").await?;
    ///     let room = visitor.handshake().query("room").unwrap_or_default().into_owned();
    ///     visitor.may_read(room).await?;
    ///     Ok(visitor)
    /// }
    /// ```
    pub async fn admit(
        &self,
        namespace: &str,
        request: &Parts,
        auth: &str,
    ) -> Result<Visitor, Refuse> {
        let path = match namespace.starts_with('/') {
            true => Cow::Borrowed(namespace),
            false => Cow::Owned(format!("/{namespace}")),
        };
        let auth = if auth.is_empty() { "{}" } else { auth };
        let refused = |refusal: &str| {
            tracing::debug!(nsp = &*path, refusal, "visitor refused");
            Refuse::new(refusal.to_owned())
        };
        let handshake = self.admit_request(request).await?;
        if !is_object(auth) {
            return Err(refused("the auth is not a JSON object"));
        }
        let active = self.namespaces.get(&path).ok_or_else(|| refused("Invalid namespace"))?;
        let visitor = Visitor::reader(active, Arc::new(handshake), auth);
        visitor.ask_connect_handlers().await?;
        Ok(visitor)
    }

    /// The part of [`admit`](Server::admit) that no namespace has a say in: the page's origin, and the hook
    /// [`allow_request`](sockeye_engine::Hooks::allow_request). For what is served beside the namespaces.
    ///
    /// # Errors
    /// [`Refuse`], as of [`admit`](Server::admit).
    ///
    /// # Cancel safety
    /// Safe, as [`admit`](Server::admit) is.
    pub async fn admit_request(&self, request: &Parts) -> Result<Handshake, Refuse> {
        let judged = AssertUnwindSafe(self.engine.admit(request)).catch_unwind().await;
        let judged = judged.map_err(|panic| {
            tracing::error!(panic = panic_message(&*panic), "the hook `allow_request` panicked");
            Refuse::internal()
        })?;
        judged.map_err(|refusal| {
            tracing::debug!(refusal = refusal.as_str(), "visitor refused");
            // What a client of Engine.IO is told here is fixed, and is no help.
            Refuse::new(
                match &refusal {
                    Refusal::OriginDenied => {
                        "the origin of this page is not among those that are allowed"
                    }
                    Refusal::CrossSite => "pages of other sites may not load this",
                    refusal => refusal.message(),
                }
                .to_owned(),
            )
        })
    }
}

/// Whether a text is one JSON object.
fn is_object(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok_and(|value| value.get().starts_with('{'))
}

//! The server as a router of axum.

use axum::Router;

use super::Server;

/// Both routes that are needed: one for the path and its slash, one for what is below.
pub(super) fn router<S: Clone + Send + Sync + 'static>(server: Server) -> Router<S> {
    // No part of a path is a parameter.
    let path = server.path().replace('{', "{{").replace('}', "}}");
    let answers_without_slash = !server.config().engine.add_trailing_slash;
    let service = server.into_service();
    let router = Router::new()
        .route_service(&format!("{path}/"), service.clone())
        .route_service(&format!("{path}/{{*rest}}"), service.clone());
    match answers_without_slash {
        true => router.route_service(&path, service),
        false => router,
    }
}

//! The server as a router of axum.

use axum::Router;

use super::Server;

/// Both routes that are needed: one for the path and its slash, one for what is below.
pub(super) fn router<S: Clone + Send + Sync + 'static>(server: Server) -> Router<S> {
    let path = escaped(server.path());
    let answers_without_slash = !server.config().engine.add_trailing_slash;
    let mounted = server.mounts().paths();
    let service = server.into_service();
    let mut router = Router::new()
        .route_service(&format!("{path}/"), service.clone())
        .route_service(&format!("{path}/{{*rest}}"), service.clone());
    // What is below the sockets' own path has a route already.
    for at in mounted.iter().map(|at| escaped(at)).filter(|at| !at.starts_with(&format!("{path}/")))
    {
        router = router
            .route_service(&at, service.clone())
            .route_service(&format!("{at}/"), service.clone())
            .route_service(&format!("{at}/{{*rest}}"), service.clone());
    }
    match answers_without_slash {
        true => router.route_service(&path, service),
        false => router,
    }
}

/// A path of which no part is a parameter.
fn escaped(path: &str) -> String {
    path.replace('{', "{{").replace('}', "}}")
}

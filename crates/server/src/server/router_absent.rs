//! Stands for `router` in builds without the feature `axum`.

/// What nothing is.
#[diagnostic::on_unimplemented(
    message = "`Server::into_router` takes the feature `axum`",
    label = "write `features = [\"axum\"]` for sockeye in Cargo.toml",
    note = "without it `Server::into_layer` and `Server::into_service` mount the server in any application"
)]
pub trait FeatureAxum {}

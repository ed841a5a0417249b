// A payload is owned: what arrived is gone when the handler runs. The compiler's own words name `&str` and
// the trait; `debug_handler` says what to do.
//~ implementation of `serde_core::de::Deserialize` is not general enough
//~ `&str` must implement
use sockeye::*;

async fn message(_: Socket, _: &str) {}

fn main() {
    let _: Namespace = Namespace::new("/").on("message", message);
}

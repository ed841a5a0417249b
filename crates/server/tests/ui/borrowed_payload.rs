// A payload is owned: what arrived is gone when the handler runs.
//~ this function cannot handle an event with payload `
//~ is the payload `Deserialize`, and owned (`String`, not `&str`)?
use sockeye::*;

async fn message(_: Socket, _: &'static str) {}

fn main() {
    let _: Namespace = Namespace::new("/").on("message", message);
}

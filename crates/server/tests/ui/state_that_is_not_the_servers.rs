// A namespace that asks for another state than the server has.
//~ Namespace<String>` is not for a server whose state is `u32`
use sockeye::*;

async fn message(_: State<String>, _: String) {}

fn main() {
    let namespace: Namespace<String> = Namespace::new("/").on("message", message);
    let _ = Server::builder().state(7_u32).namespace(namespace);
}

// The state comes before the namespaces that use it.
//~ Namespace<App>` is not for a server whose state is `()`
//~ call `.state(..)` of the builder before `.namespace(..)`
use sockeye::*;

#[derive(Clone)]
struct App;

async fn message(_: State<App>, _: String) {}

fn main() {
    let namespace = Namespace::<App>::new("/").on("message", message);
    let _ = Server::builder().namespace(namespace).state(App);
}

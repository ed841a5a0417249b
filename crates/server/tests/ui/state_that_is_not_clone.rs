// The whole state is handed out as a copy.
//~ this function cannot handle an event
//~ is the state `Clone`, or its part `FromRef`?
use sockeye::*;

struct App;

async fn message(_: State<App>, _: String) {}

fn main() {
    let _ = Namespace::<App>::new("/").on("message", message);
}

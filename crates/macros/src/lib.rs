//! The macros of `sockeye`, which re-exports them: use them from there.
#![forbid(unsafe_code)]

/// `#[debug_handler]`: what is asked of one function.
mod debug_handler;
/// What stands in the brackets of the attribute.
mod options;
/// `#[derive(FromRef)]`.
mod from_ref;

use proc_macro::TokenStream;

/// Says what is wrong with a handler.
///
/// The compiler knows only that a function is no handler; this attribute asks of each argument and of
/// the return type by itself whether it is right, and whether the future is `Send`. The function
/// stays as it is, and costs nothing more: take the attribute away, or leave it.
///
/// The server's state is that of the `State<T>` among the arguments, or `()`; say another with
/// `#[debug_handler(state = App)]`. A handler that is not one of events is named by the method it
/// goes to: `on_connect`, `on_connected`, `on_disconnect`, `on_read`, `before`, `fallback`:
/// `#[debug_handler(on_connect, state = App)]`.
///
/// ```ignore
/// #[sockeye::debug_handler]
/// async fn add(socket: Socket, (a, b): (u32, u32)) -> u32 {
///     //                                              ^^^ `u32` is not an answer: return `Ack(value)`
///     a + b
/// }
/// ```
///
/// # Errors
/// It does not compile where the function is generic, a method, or no handler.
#[proc_macro_attribute]
pub fn debug_handler(attribute: TokenStream, item: TokenStream) -> TokenStream {
    debug_handler::expand(attribute.into(), item.into()).into()
}

/// Makes each field of a state a part of it that handlers take with `State<Field>`.
///
/// Each field's type has to be `Clone` and the only one of its type; `#[from_ref(skip)]` leaves one
/// out.
///
/// ```ignore
/// #[derive(Clone, FromRef)]
/// struct App {
///     database: Database,
///     mailer: Mailer,
///     #[from_ref(skip)]
///     started: Instant,
/// }
/// ```
///
/// # Errors
/// It does not compile for an enum, a union, or a struct with type parameters.
#[proc_macro_derive(FromRef, attributes(from_ref))]
pub fn derive_from_ref(item: TokenStream) -> TokenStream {
    from_ref::expand(item.into()).into()
}

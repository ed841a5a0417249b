//! What stands in the brackets of `#[debug_handler(..)]`.

use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, Result, Token, Type};

/// The method of `Namespace` that a handler is given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Place {
    #[default]
    On,
    OnConnect,
    OnConnected,
    OnDisconnect,
    OnRead,
    Before,
    Fallback,
}

impl Place {
    const ALL: [(&str, Place); 7] = [
        ("on", Place::On),
        ("on_connect", Place::OnConnect),
        ("on_connected", Place::OnConnected),
        ("on_disconnect", Place::OnDisconnect),
        ("on_read", Place::OnRead),
        ("before", Place::Before),
        ("fallback", Place::Fallback),
    ];

    fn named(name: &Ident) -> Option<Self> {
        Self::ALL.into_iter().find(|(word, _)| name == word).map(|(_, place)| place)
    }
}

#[derive(Default)]
pub(crate) struct Options {
    pub(crate) place: Place,
    /// `None`: it follows from the arguments.
    pub(crate) state: Option<Type>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            let word: Ident = input.parse()?;
            if word == "state" {
                input.parse::<Token![=]>()?;
                options.state = Some(input.parse()?);
            } else {
                let unknown = "say `state = App`, or the method that the handler is given to: \
                    `on_connect`, `on_connected`, `on_disconnect`, `on_read`, `before`, `fallback`";
                options.place =
                    Place::named(&word).ok_or_else(|| Error::new(word.span(), unknown))?;
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_and_a_state_in_any_order() {
        let options: Options = syn::parse_str("state = App, on_connect").unwrap();
        assert_eq!((options.place, options.state.is_some()), (Place::OnConnect, true));
        let options: Options = syn::parse_str("").unwrap();
        assert_eq!((options.place, options.state.is_some()), (Place::On, false));
        let unknown = syn::parse_str::<Options>("on_message").err().unwrap();
        assert!(unknown.to_string().contains("`on_connected`"), "{unknown}");
    }
}

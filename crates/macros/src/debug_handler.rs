//! `#[debug_handler]`: questions about one function, each of which fails by itself. What can be seen in
//! the text is answered here; what only types tell, by the traits of `sockeye::__private`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, GenericArgument, Ident, ItemFn, PathArguments, Result, ReturnType, Type};

use crate::options::{Options, Place};

/// The number of extractors that a handler may have.
const EXTRACTORS_MAX: usize = 8;

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let checks = syn::parse2::<Options>(attribute).and_then(|options| {
        let function = syn::parse2::<ItemFn>(item.clone())
            .map_err(|error| Error::new(error.span(), "`debug_handler` stands on an `async fn`"))?;
        checks(&options, &function)
    });
    let checks = checks.unwrap_or_else(Error::into_compile_error);
    quote! { #item #checks }
}

fn checks(options: &Options, function: &ItemFn) -> Result<TokenStream> {
    let inputs = arguments(options.place, function)?;
    let state = state(options, &inputs)?;
    let early = inputs.split_last().map_or(&[][..], |(_, early)| early);
    let mut checks = TokenStream::new();
    for input in early {
        checks.extend(by_name(input, &state).unwrap_or_else(|| {
            quote_spanned! {input.span()=>
                ::sockeye::__private::before_the_last::<#input, _, #state>();
            }
        }));
    }
    if let Some(last) = inputs.last() {
        let check = by_name(last, &state);
        checks.extend(check.unwrap_or_else(|| last_argument(options.place, last, &state)));
    }
    checks.extend(returned(options.place, &function.sig.output));
    checks.extend(is_send(function));
    Ok(quote! {
        const _: () = {
            #[allow(warnings, clippy::all, clippy::pedantic)]
            fn check() {
                #checks
            }
        };
    })
}

/// The types of the arguments; what the text alone shows to be wrong is refused.
fn arguments(place: Place, function: &ItemFn) -> Result<Vec<&Type>> {
    let signature = &function.sig;
    let mut errors = Vec::new();
    if signature.asyncness.is_none() && matches!(signature.output, ReturnType::Default) {
        errors.push(Error::new(
            signature.fn_token.span(),
            "a handler is an `async fn`: write `async` before `fn`",
        ));
    } else if signature.asyncness.is_none() && !is_future(&signature.output) {
        errors.push(Error::new(
            signature.fn_token.span(),
            "a handler is an `async fn` (or returns `impl Future`): write `async` before `fn`",
        ));
    }
    if let Some(parameter) = signature.generics.params.iter().find(|it| !is_lifetime(it)) {
        let message = "a generic function is no handler, as nothing says which type it is called \
            with: write the types, or register `handler::<Type>` and debug it without parameters";
        errors.push(Error::new(parameter.span(), message));
    }
    let mut types = Vec::new();
    for argument in &signature.inputs {
        match argument {
            FnArg::Receiver(receiver) => {
                let message = "a handler is a function, not a method: take what `self` has by `State`, \
                    or move it into a closure";
                errors.push(Error::new(receiver.span(), message));
            }
            FnArg::Typed(argument) => {
                errors.extend(borrowed(&argument.ty));
                types.push(&*argument.ty);
            }
        }
    }
    if let Some(acker) = types.iter().find(|ty| last_word(ty).is_some_and(|word| word == "Acker"))
        && place == Place::On
        && returns_nothing(&signature.output)
    {
        let message = "a handler that takes an `Acker` returns `acker.defer()`, of the type \
            `Deferred<T>`: otherwise the event is answered when it returns";
        errors.push(Error::new(acker.span(), message));
    }
    if types.len() > EXTRACTORS_MAX + 1 {
        let message = "a handler has at most 8 extractors and a payload: gather some in a struct of \
            your own with `impl FromContext`";
        errors.push(Error::new(types[EXTRACTORS_MAX + 1].span(), message));
    }
    match errors.into_iter().reduce(|mut all, error| {
        all.combine(error);
        all
    }) {
        Some(errors) => Err(errors),
        None => Ok(types),
    }
}

fn returns_nothing(output: &ReturnType) -> bool {
    let ReturnType::Type(_, ty) = output else { return true };
    let is_unit = |ty: &Type| matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty());
    let is_result = last_word(ty).is_some_and(|word| word == "Result");
    is_unit(ty) || is_result && parameters(ty).first().is_some_and(|value| is_unit(value))
}

fn is_lifetime(parameter: &syn::GenericParam) -> bool {
    matches!(parameter, syn::GenericParam::Lifetime(_))
}

fn is_future(output: &ReturnType) -> bool {
    matches!(output, ReturnType::Type(_, ty) if !matches!(&**ty, Type::Tuple(_)) && last_word(ty).is_none_or(|word| word == "BoxFuture" || word == "Pin"))
}

/// A borrowed argument, which nobody can lend to a handler.
fn borrowed(argument: &Type) -> Option<Error> {
    let Type::Reference(reference) = argument else { return None };
    let message = match last_word(&reference.elem).map(Ident::to_string).as_deref() {
        Some("str") => "a handler owns its payload: take a `String`".to_owned(),
        Some(name) => format!(
            "a handler owns its arguments: take `{name}` without `&` (a `Socket`, an `Io` and the like \
            are handles that are cheap to clone)"
        ),
        None if matches!(&*reference.elem, Type::Slice(_)) => {
            "a handler owns its payload: take a `Vec`, or `Binary` for bytes".to_owned()
        }
        None => "a handler owns its arguments: take it without `&`".to_owned(),
    };
    Some(Error::new(reference.span(), message))
}

/// The last word of a type's path: `State` of `sockeye::State<App>`.
fn last_word(ty: &Type) -> Option<&Ident> {
    let Type::Path(path) = ty else { return None };
    path.path.segments.last().map(|segment| &segment.ident)
}

/// The types in the brackets of a type's path.
fn parameters(ty: &Type) -> Vec<&Type> {
    let Type::Path(path) = ty else { return Vec::new() };
    let Some(segment) = path.path.segments.last() else { return Vec::new() };
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return Vec::new() };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

/// The part of the state that an argument takes.
fn state_part(ty: &Type) -> Option<&Type> {
    last_word(ty).filter(|word| *word == "State")?;
    parameters(ty).first().copied()
}

/// The type of the server's state: as said, or as the one `State` among the arguments has it.
fn state(options: &Options, inputs: &[&Type]) -> Result<TokenStream> {
    if let Some(state) = &options.state {
        return Ok(quote!(#state));
    }
    let mut parts = inputs.iter().filter_map(|input| state_part(input));
    let Some(first) = parts.next().map(|part| quote!(#part)) else { return Ok(quote!(())) };
    match parts.find(|part| quote!(#part).to_string() != first.to_string()) {
        None => Ok(first),
        Some(other) => Err(Error::new(
            other.span(),
            "this takes several parts of the state: say which state, `#[debug_handler(state = App)]`",
        )),
    }
}

/// A question about an argument whose name says more: the state, or another library's extractor.
fn by_name(input: &Type, state: &TokenStream) -> Option<TokenStream> {
    let word = last_word(input)?;
    if let Some(part) = state_part(input) {
        return Some(quote_spanned! {input.span()=>
            ::sockeye::__private::is_our_state::<#input>();
            ::sockeye::__private::is_part::<#part, #state>();
        });
    }
    let question = match word.to_string().as_str() {
        "Data" | "TryData" | "Json" => "data",
        "Extension" | "MaybeExtension" => "extension",
        "SocketRef" => "socket_ref",
        "AckSender" => "ack_sender",
        _ => return None,
    };
    let question = Ident::new(question, Span::call_site());
    Some(quote_spanned! {input.span()=>
        ::sockeye::__private::#question::<#input, _, #state>();
    })
}

fn last_argument(place: Place, last: &Type, state: &TokenStream) -> TokenStream {
    let value = match place {
        Place::On | Place::OnConnect => {
            return quote_spanned! {last.span()=>
                ::sockeye::__private::last::<#last, _, #state>();
            };
        }
        Place::OnConnected => quote!(()),
        Place::OnDisconnect => quote!(::sockeye::DisconnectReason),
        Place::OnRead => quote!(::core::option::Option<::sockeye::Room>),
        Place::Before | Place::Fallback => quote!(::sockeye::RawEvent),
    };
    quote_spanned! {last.span()=>
        ::sockeye::__private::last_or::<#last, _, #value, #state>();
    }
}

fn returned(place: Place, output: &ReturnType) -> TokenStream {
    let ReturnType::Type(_, ty) = output else { return TokenStream::new() };
    if !matches!(&**ty, Type::Path(_) | Type::Tuple(_)) {
        return TokenStream::new();
    }
    let error = match place {
        Place::OnConnect | Place::OnRead => quote!(::sockeye::Refuse),
        _ => quote!(::sockeye::EventError),
    };
    let question = match place {
        Place::On => quote!(answers),
        _ => quote!(decides),
    };
    match (last_word(ty), &*parameters(ty)) {
        (Some(word), [value, failure]) if word == "Result" => quote_spanned! {ty.span()=>
            ::sockeye::__private::#question::<#value, _>();
            ::sockeye::__private::is_error::<#failure, #error, _>();
        },
        (Some(word), [value]) if word == "Result" => quote_spanned! {ty.span()=>
            ::sockeye::__private::#question::<#value, _>();
        },
        _ => quote_spanned! {ty.span()=> ::sockeye::__private::#question::<#ty, _>(); },
    }
}

/// A question whether the future may change its thread.
fn is_send(function: &ItemFn) -> TokenStream {
    let name = &function.sig.ident;
    let arguments = function.sig.inputs.iter().map(|_| quote!(::sockeye::__private::any()));
    quote_spanned! {name.span()=> ::sockeye::__private::is_send(#name(#(#arguments),*)); }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(attribute: TokenStream, item: TokenStream) -> String {
        expand(attribute, item).to_string()
    }

    #[test]
    fn the_text_alone_shows_these() {
        for (item, wanted) in [
            (quote! { fn f() {} }, "write `async` before `fn`"),
            (quote! { fn f() -> u32 { 1 } }, "write `async` before `fn`"),
            (quote! { async fn f<T>(_: T) {} }, "a generic function is no handler"),
            (quote! { async fn f(&self) {} }, "not a method"),
            (quote! { async fn f(_: &Socket) {} }, "take `Socket` without `&`"),
            (quote! { async fn f(_: &str) {} }, "take a `String`"),
            (quote! { async fn f(_: State<A>, _: State<B>) {} }, "say which state"),
            (quote! { struct F; }, "stands on an `async fn`"),
            (quote! { async fn f(_: Acker<u32>) {} }, "returns `acker.defer()`"),
            (quote! { async fn f(_: Acker<u32>) -> Result<(), E> {} }, "returns `acker.defer()`"),
            (
                quote! { async fn f(_: A, _: A, _: A, _: A, _: A, _: A, _: A, _: A, _: A, _: u8) {} },
                "at most 8 extractors",
            ),
        ] {
            let text = said(quote!(), item.clone());
            assert!(text.contains(wanted), "{item}: {text}");
            assert!(text.contains("compile_error"), "{item}: {text}");
        }
    }

    #[test]
    fn every_argument_is_asked_about_for_the_states_sake() {
        let item = quote! { async fn f(_: State<App>, _: Socket, _: u8) -> Result<Ack<u8>, E> {} };
        let text = said(quote!(), item.clone());
        assert!(text.contains("before_the_last :: < Socket , _ , App >"), "{text}");
        assert!(text.contains("last :: < u8 , _ , App >"), "{text}");
        assert!(text.contains("answers :: < Ack < u8 > , _ >"), "{text}");
        let text = said(quote!(on_connect, state = Other), item);
        assert!(text.contains("before_the_last :: < Socket , _ , Other >"), "{text}");
        assert!(text.contains("is_error :: < E , :: sockeye :: Refuse , _ >"), "{text}");
    }

    #[test]
    fn a_function_that_returns_a_future_is_one_too() {
        let text = said(quote!(), quote! { fn f() -> impl Future<Output = ()> + Send {} });
        assert!(!text.contains("compile_error"), "{text}");
    }
}

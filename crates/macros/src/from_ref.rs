//! `#[derive(FromRef)]`: the fields of a state as its parts.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Field, Index, ItemStruct, Member, Result};

pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let item = syn::parse2::<ItemStruct>(item).map_err(|error| {
        Error::new(
            error.span(),
            "`FromRef` is derived for structs: the parts of a state are fields",
        )
    });
    item.and_then(|item| parts(&item)).unwrap_or_else(Error::into_compile_error)
}

fn parts(item: &ItemStruct) -> Result<TokenStream> {
    if !item.generics.params.is_empty() {
        let message =
            "`FromRef` is not derived for a generic state: implement it for the fields by hand";
        return Err(Error::new(item.generics.span(), message));
    }
    let state = &item.ident;
    let mut implementations = TokenStream::new();
    for (index, field) in item.fields.iter().enumerate() {
        if is_skipped(field)? {
            continue;
        }
        let name = match &field.ident {
            Some(name) => Member::Named(name.clone()),
            None => Member::Unnamed(Index::from(index)),
        };
        let part = &field.ty;
        let body = quote_spanned! {part.span()=>
            <#part as ::core::clone::Clone>::clone(&state.#name)
        };
        implementations.extend(quote! {
            #[automatically_derived]
            impl ::sockeye::FromRef<#state> for #part {
                fn from_ref(state: &#state) -> Self {
                    #body
                }
            }
        });
    }
    Ok(implementations)
}

fn is_skipped(field: &Field) -> Result<bool> {
    let mut is_skipped = false;
    for attribute in field.attrs.iter().filter(|it| it.path().is_ident("from_ref")) {
        attribute.parse_nested_meta(|meta| {
            is_skipped = meta.path.is_ident("skip");
            if is_skipped { Ok(()) } else { Err(meta.error("there is only `#[from_ref(skip)]`")) }
        })?;
    }
    Ok(is_skipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(item: TokenStream) -> String {
        expand(item).to_string()
    }

    #[test]
    fn each_field_is_a_part_but_those_skipped() {
        let text = expanded(quote! {
            struct App { database: Database, #[from_ref(skip)] started: Instant }
        });
        assert!(text.contains("FromRef < App > for Database"), "{text}");
        assert!(!text.contains("Instant"), "{text}");
        assert!(expanded(quote! { struct App(Database); }).contains("state . 0"));
    }

    #[test]
    fn what_has_no_fields_or_no_one_type_is_refused() {
        assert!(expanded(quote! { enum App { A } }).contains("derived for structs"));
        assert!(expanded(quote! { struct App<T>(T); }).contains("not derived for a generic"));
        let text = expanded(quote! { struct App(#[from_ref(leave)] u8); });
        assert!(text.contains("there is only"), "{text}");
    }
}

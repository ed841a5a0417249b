//! Whom a text mentions.

use super::contract::MENTIONS_OF_ALL;

/// Whether a name stands in a text behind an `@` that begins a word. What follows may be anything: in Korean,
/// particles do without a space.
pub(crate) fn is_mentioned(text: &str, name: &str) -> bool {
    text.match_indices('@').any(|(at, _)| begins(text, at) && text[at + 1..].starts_with(name))
}

/// Whether a text mentions everybody.
pub(crate) fn is_for_all(text: &str) -> bool {
    MENTIONS_OF_ALL.iter().any(|word| text.match_indices(word).any(|(at, _)| begins(text, at)))
}

/// Whether what is here is not inside of a word, as in an address of e-mail.
fn begins(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_mentioned_behind_an_at_that_begins_a_word() {
        for (text, name) in [
            ("@Ada", "Ada"),
            ("hi @Ada!", "Ada"),
            ("(@Ada)", "Ada"),
            ("@민지야 봐", "민지"),
            ("a@b @Ada", "Ada"),
            ("@Ada Lovelace, look", "Ada Lovelace"),
            ("@@Ada", "Ada"),
        ] {
            assert!(is_mentioned(text, name), "{text}");
        }
        for text in ["Ada", "mail@Ada.example", "@ Ada", "@ada", ""] {
            assert!(!is_mentioned(text, "Ada"), "{text}");
        }
    }

    #[test]
    fn everybody_is_mentioned_in_both_languages() {
        for text in ["@everyone", "hi @everyone,", "@모두에게 알립니다"] {
            assert!(is_for_all(text), "{text}");
        }
        for text in ["everyone", "a@everyone.example", "@every one", "모두"] {
            assert!(!is_for_all(text), "{text}");
        }
    }
}

//! What a name may be made of: the one rule for rooms and nicknames.
//!
//! A name is brought into one form: composed (NFC), without spaces around it, one plain space where
//! there is any space. Then it has to consist of what can be seen: characters that are invisible or
//! turn the direction of the text stand in emoji only, which some of them hold together, and
//! characters of private use, which every font shows as something else, and such that are none yet,
//! nowhere. What is left alone are names that look like another one; for those there is the
//! [`Skeleton`].
//!
//! The page has the same rule in `web/src/names.ts`; both are held to `names.json`.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{
    GeneralCategory, GeneralCategoryGroup, UnicodeEmoji as _, UnicodeGeneralCategory as _,
};
use unicode_security::skeleton;

/// What a name looks like: equal for names that cannot be told apart by the eye (Unicode TS #39
/// §4). Not to be shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Skeleton(String);

/// Marks on one character beyond this many are written over other lines; no language needs more.
const MARKS_MAX: usize = 4;

const ZERO_WIDTH_JOINER: char = '\u{200D}';
const EMOJI_PRESENTATION: char = '\u{FE0F}';
const KEYCAP: char = '\u{20E3}';
const BLACK_FLAG: char = '\u{1F3F4}';
/// The flags of England, Scotland and Wales behind the black flag: the only sequences of tags in
/// use.
const FLAG_TAGS: [&str; 3] = [
    "\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
    "\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
    "\u{E0067}\u{E0062}\u{E0077}\u{E006C}\u{E0073}\u{E007F}",
];

const MIDDLE_DOT: char = '\u{B7}';
/// The letter that Korean keyboards have for the middle dot, as it is and composed.
const KOREAN_DOTS: [char; 2] = ['\u{318D}', '\u{119E}'];

/// The one form of a name.
pub(crate) fn normalized(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for c in text.trim().nfc() {
        match c.general_category() {
            GeneralCategory::SpaceSeparator if name.ends_with(' ') => {}
            GeneralCategory::SpaceSeparator => name.push(' '),
            _ => name.push(c),
        }
    }
    name
}

/// Whether nothing of it can be seen.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_unseen(c))
}

/// Whether it is made of what may stand in a name.
pub(crate) fn is_allowed(name: &str) -> bool {
    let mut marks = MARKS_MAX;
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        if c.general_category_group() == GeneralCategoryGroup::Mark {
            marks += 1;
        } else {
            marks = 0;
        }
        let emoji = emoji_length(rest);
        if emoji == 0 && (is_unseen(c) || is_undefined(c)) || marks > MARKS_MAX {
            return false;
        }
        rest = &rest[emoji.max(c.len_utf8())..];
    }
    true
}

/// Controls, line breaks, marks of direction, and what fonts show nothing for.
fn is_unseen(c: char) -> bool {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator};

    matches!(c.general_category(), Control | Format | LineSeparator | ParagraphSeparator)
        || is_default_ignorable(c)
        || matches!(
            c,
            // Blank letters and fillers, and what stands for something that is not there.
            '\u{2800}' | '\u{2D7F}' | '\u{FFFC}' | '\u{1107F}' | '\u{13441}'
                ..='\u{13442}' | '\u{16FE4}' | '\u{1D159}'
        )
}

/// Something else in every font, or no character, as far as this program knows; but emoji may be
/// newer than it is, and have their place (the reserved ones of `Extended_Pictographic`).
fn is_undefined(c: char) -> bool {
    match c.general_category() {
        GeneralCategory::PrivateUse => true,
        GeneralCategory::Unassigned => {
            !matches!(c, '\u{1F000}'..='\u{1FAFF}' | '\u{1FC00}'..='\u{1FFFD}')
        }
        _ => false,
    }
}

/// Unicode's `Default_Ignorable_Code_Point` (`DerivedCoreProperties.txt`).
fn is_default_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// How many bytes of the emoji at the beginning; 0 when there is none. Several that are joined are
/// one (Unicode TS #51, `emoji_zwj_sequence`).
fn emoji_length(text: &str) -> usize {
    let mut length = element_length(text);
    while length > 0 && text[length..].starts_with(ZERO_WIDTH_JOINER) {
        let next = length + ZERO_WIDTH_JOINER.len_utf8();
        match element_length(&text[next..]) {
            0 => break,
            element => length = next + element,
        }
    }
    length
}

/// Whether it is one emoji and nothing else, a flag of two letters among them.
pub(crate) fn is_emoji(text: &str) -> bool {
    let is_letter = |c: char| matches!(c, '\u{1F1E6}'..='\u{1F1FF}');
    if text.chars().any(is_letter) {
        // Two of them are a flag; one is half of it, and joins with whatever comes after it.
        return text.chars().count() == 2 && text.chars().all(is_letter);
    }
    !text.is_empty() && emoji_length(text) == text.len()
}

/// Whether a text of several lines keeps to itself: no controls but ends of lines and tabs, and no marks that turn the
/// direction of what stands around it (UAX #9, §2.1 to §2.5).
pub(crate) fn is_tidy(text: &str) -> bool {
    text.chars().all(|c| match c {
        '\n' | '\t' => true,
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => false,
        c => !c.is_control(),
    })
}

fn element_length(text: &str) -> usize {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return 0;
    };
    if matches!(first, '0'..='9' | '#' | '*') {
        let is_keycap = chars.next() == Some(EMOJI_PRESENTATION) && chars.next() == Some(KEYCAP);
        return if is_keycap { text.len() - chars.as_str().len() } else { 0 };
    }
    if first.is_ascii() || !first.is_emoji_char() {
        return 0;
    }
    let rest = chars.as_str();
    let attached = match rest.chars().next() {
        Some(c) if c == EMOJI_PRESENTATION || matches!(c, '\u{1F3FB}'..='\u{1F3FF}') => {
            c.len_utf8()
        }
        _ if first == BLACK_FLAG => {
            FLAG_TAGS.iter().find(|tags| rest.starts_with(**tags)).map_or(0, |tags| tags.len())
        }
        _ => 0,
    };
    first.len_utf8() + attached
}

impl Skeleton {
    /// Of a name in its one form.
    pub(crate) fn of(name: &str) -> Self {
        let mut looks = String::with_capacity(name.len());
        let mut others = String::new();
        let is_syllable = |c: char| matches!(c, '\u{AC00}'..='\u{D7A3}');
        for c in name.chars().filter(|c| !is_unseen(*c)) {
            // Taken apart, syllables that look different would have the same letters: 각가, 가까.
            if is_syllable(c) {
                looks.extend(skeleton(&std::mem::take(&mut others)));
                looks.push(c);
            } else {
                others.push(if KOREAN_DOTS.contains(&c) { MIDDLE_DOT } else { c });
            }
        }
        looks.extend(skeleton(&others));
        // `Ian` looks like `lan` and is `ian` in another case: so that both are alike, all three are.
        Skeleton(looks.to_lowercase().replace('i', "l"))
    }

    /// As text, to be stored.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Skeleton {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::input::Nickname;

    #[derive(Deserialize)]
    struct Cases {
        allowed: Vec<(String, String)>,
        refused: Vec<(String, String)>,
    }

    #[test]
    fn the_cases_that_the_page_is_held_to() {
        let cases: Cases = serde_json::from_str(include_str!("../names.json")).unwrap();
        for (text, expected) in cases.allowed {
            let name = Nickname::parse(&text);
            assert_eq!(name.as_ref().map(Nickname::as_str), Ok(&*expected), "{text:?}");
        }
        for (text, code) in cases.refused {
            assert_eq!(Nickname::parse(&text).unwrap_err().code(), code, "{text:?}");
        }
    }

    #[test]
    fn one_emoji_is_one() {
        for emoji in ["🙂", "❤\u{FE0F}", "👩\u{200D}👧", "🇰🇷", "1\u{FE0F}\u{20E3}", "👍\u{1F3FD}"]
        {
            assert!(is_emoji(emoji), "{emoji}");
        }
        for other in ["", "a", "1", "🙂🙂", "🙂a", " 🙂", "🇰", "한", "<", "\u{200D}"] {
            assert!(!is_emoji(other), "{other:?}");
        }
    }

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        for (a, b) in [
            ("Ada", "Аdа"),
            ("Ada", "Ａｄａ"),
            ("lan", "Ian"),
            ("ian", "Ian"),
            ("ADA", "ada"),
            ("Émile", "émile"),
            ("room 1", "room l"),
            ("방0", "방O"),
            ("modern", "rnodern"),
            ("❤", "❤\u{FE0F}"),
            ("👩👧", "👩\u{200D}👧"),
            ("𝐀da", "Ada"),
            ("scope", "ѕсоре"),
            ("가·나", "가ㆍ나"),
            ("a·b", "a\u{119E}b"),
            ("a·b", "a・b"),
        ] {
            assert_eq!(Skeleton::of(a), Skeleton::of(b), "{a} {b}");
        }
        for (a, b) in
            [("각가", "가까"), ("민지", "민자"), ("Ada", "Adam"), ("a b", "ab"), ("가", "까")]
        {
            assert_ne!(Skeleton::of(a), Skeleton::of(b), "{a} {b}");
        }
    }
}

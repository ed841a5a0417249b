//! Just enough of Rust's grammar to look for paths in code: no comments, no literals, no tests.

use std::iter::Peekable;
use std::str::Chars;

/// One word or one punctuation mark, with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    text: String,
    line: u32,
}

impl Token {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn line(&self) -> u32 {
        self.line
    }
}

/// A path as it is written in code or put together from a `use` tree: `std::time::Instant`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// Its segments.
    pub(super) segments: Vec<String>,
    /// Where it ends, counted from 1.
    pub(super) line: u32,
}

/// The tokens of a source file. Comments, numbers, strings and characters leave nothing behind.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: source.chars().peekable(), line: 1, tokens: Vec::new() };
    while lexer.step().is_some() {}
    lexer.tokens
}

/// Takes out every item under `#[cfg(test)]`.
pub(super) fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let attribute = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut rest = tokens;
    while let Some(token) = rest.first() {
        let window = rest.get(..attribute.len());
        if window.is_some_and(|window| window.iter().map(Token::text).eq(attribute)) {
            rest = after_item(&rest[attribute.len()..]);
        } else {
            kept.push(token.clone());
            rest = &rest[1..];
        }
    }
    kept
}

/// The names of modules that lie in files of their own: `mod name;`.
pub(super) fn declared_modules(tokens: &[Token]) -> impl Iterator<Item = &str> {
    tokens.windows(3).filter_map(|window| match window {
        [first, name, last] if first.text == "mod" && last.text == ";" => Some(name.text()),
        _ => None,
    })
}

/// Every path: those in `use` trees one by one, and those in code.
pub(super) fn paths(tokens: &[Token]) -> Vec<Path> {
    let mut found = Vec::new();
    let mut rest = tokens;
    while let Some(token) = rest.first() {
        rest = if token.text == "use" {
            use_tree(&rest[1..], &[], &mut found)
        } else if is_word(&token.text) {
            let (path, rest) = path(rest);
            found.push(path);
            rest
        } else {
            &rest[1..]
        };
    }
    found
}

/// Reads `a::b::c`; what follows is returned.
fn path(tokens: &[Token]) -> (Path, &[Token]) {
    let mut segments = vec![tokens[0].text.clone()];
    let mut line = tokens[0].line;
    let mut rest = &tokens[1..];
    while let [first, second, word, after @ ..] = rest
        && first.text == ":"
        && second.text == ":"
        && is_word(&word.text)
    {
        segments.push(word.text.clone());
        line = word.line;
        rest = after;
    }
    (Path { segments, line }, rest)
}

/// Reads one tree of a `use` declaration below `prefix`; what follows it is returned.
fn use_tree<'a>(tokens: &'a [Token], prefix: &[String], found: &mut Vec<Path>) -> &'a [Token] {
    let mut segments = prefix.to_vec();
    let mut line = tokens.first().map_or(0, |token| token.line);
    let mut rest = tokens;
    while let Some(token) = rest.first() {
        match token.text.as_str() {
            ":" => rest = &rest[1..],
            "{" => {
                rest = &rest[1..];
                while rest.first().is_some_and(|token| token.text != "}") {
                    rest = use_tree(rest, &segments, found);
                    if rest.first().is_some_and(|token| token.text == ",") {
                        rest = &rest[1..];
                    }
                }
                return rest.get(1..).unwrap_or_default();
            }
            // The new name does not hide what it stands for.
            "as" => rest = rest.get(2..).unwrap_or_default(),
            text if is_word(text) || text == "*" => {
                segments.push(text.to_owned());
                line = token.line;
                rest = &rest[1..];
            }
            _ => break,
        }
    }
    if segments.len() > prefix.len() {
        found.push(Path { segments, line });
        return rest;
    }
    // Not a tree: leave at least this token behind, so that reading always gets on.
    rest.get(1..).unwrap_or_default()
}

/// What follows the item that starts here: its block, or its semicolon.
fn after_item(tokens: &[Token]) -> &[Token] {
    let mut depth = 0_u32;
    for (index, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && token.text == "}" {
                    return &tokens[index + 1..];
                }
            }
            ";" if depth == 0 => return &tokens[index + 1..],
            _ => {}
        }
    }
    &[]
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    line: u32,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    /// Reads one token or one thing that is not one; `None` at the end.
    fn step(&mut self) -> Option<()> {
        let first = self.next()?;
        match first {
            '/' if self.rest.peek() == Some(&'/') => self.skip_while(|next| next != '\n'),
            '/' if self.rest.peek() == Some(&'*') => self.skip_block_comment(),
            '"' => self.skip_string(),
            '\'' => self.skip_character_or_lifetime(),
            _ if first.is_alphabetic() || first == '_' => self.word(first),
            _ if first.is_ascii_digit() => {
                self.skip_while(|next| next.is_alphanumeric() || next == '_');
            }
            _ if first.is_whitespace() => {}
            _ => self.push(first.to_string()),
        }
        Some(())
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        self.line += u32::from(next == '\n');
        Some(next)
    }

    fn push(&mut self, text: String) {
        self.tokens.push(Token { text, line: self.line });
    }

    fn skip_while(&mut self, skip: impl Fn(char) -> bool) {
        while self.rest.peek().is_some_and(|next| skip(*next)) {
            self.next();
        }
    }

    /// A word, or the prefix of a string: `r"…"`, `r#"…"#`, `b"…"`, `br"…"`, `c"…"`.
    fn word(&mut self, first: char) {
        let mut text = String::from(first);
        while let Some(next) = self.rest.peek().copied()
            && (next.is_alphanumeric() || next == '_')
        {
            text.push(next);
            self.next();
        }
        let raw = matches!(text.as_str(), "r" | "br" | "cr");
        match self.rest.peek() {
            Some('"') if raw => self.skip_raw_string(),
            Some('#') if raw => self.skip_raw_string(),
            Some('"') if matches!(text.as_str(), "b" | "c") => {
                self.next();
                self.skip_string();
            }
            _ => self.push(text),
        }
    }

    fn skip_string(&mut self) {
        while let Some(next) = self.next() {
            match next {
                '\\' => {
                    self.next();
                }
                '"' => return,
                _ => {}
            }
        }
    }

    /// From the `#`s or the quote on; `r#word` is an identifier and simply goes on as a word.
    fn skip_raw_string(&mut self) {
        let mut hashes = 0;
        while self.rest.peek() == Some(&'#') {
            self.next();
            hashes += 1;
        }
        if self.rest.peek() != Some(&'"') {
            return;
        }
        self.next();
        let mut closing = None;
        while let Some(next) = self.next() {
            closing = match (next, closing) {
                ('"', _) => Some(0),
                ('#', Some(seen)) => Some(seen + 1),
                _ => None,
            };
            if closing == Some(hashes) {
                return;
            }
        }
    }

    fn skip_character_or_lifetime(&mut self) {
        match self.next() {
            Some('\\') => {
                self.next();
                self.skip_while(|next| next != '\'');
                self.next();
            }
            Some(_) if self.rest.peek() == Some(&'\'') => {
                self.next();
            }
            // A lifetime: its name says nothing here.
            Some(_) => self.skip_while(|next| next.is_alphanumeric() || next == '_'),
            None => {}
        }
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 0_u32;
        let mut previous = '/';
        while let Some(next) = self.next() {
            match (previous, next) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    previous = next;
                    continue;
                }
            }
            if depth == 0 {
                return;
            }
            previous = ' ';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> String {
        tokens(source).iter().map(Token::text).collect::<Vec<_>>().join(" ")
    }

    fn written(source: &str) -> Vec<String> {
        paths(&tokens(source)).iter().map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn comments_and_literals_leave_nothing_behind() {
        assert_eq!(words("a // std::net\n/* b /* c */ d */ e"), "a e");
        assert_eq!(
            words(r##"f("x \" y", 'z', '\'', b"q", r#"w " v"#, 'life) g"##),
            "f ( , , , , , ) g"
        );
        assert_eq!(words("fn f<'a>(x: &'a str) {}"), "fn f < > ( x : & str ) { }");
        assert_eq!(words("x = 0x1f_u8 + 1.5;"), "x = + . ;");
        assert_eq!(words("r#type"), "type");
    }

    #[test]
    fn tests_are_taken_out() {
        let source = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { {} } }\n#[cfg(test)]\nuse c::d;\n\
                      #[cfg(test)] #[derive(Debug)] struct E; fn f() {}";
        let kept = without_tests(&tokens(source));
        assert_eq!(kept.iter().map(Token::text).collect::<String>(), "fna(){}fnf(){}");
    }

    #[test]
    fn use_trees_are_written_out() {
        assert_eq!(
            written("use std::{net::{IpAddr, TcpStream as T}, thread, fmt::*}; pub use a::b;"),
            [
                "std::net::IpAddr",
                "std::net::TcpStream",
                "std::thread",
                "std::fmt::*",
                "pub",
                "a::b"
            ]
        );
        assert_eq!(
            written("let x = std::time::Instant::now();"),
            ["let", "x", "std::time::Instant::now"]
        );
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let found = paths(&tokens("// one\n\"two\nthree\";\nx::y();"));
        assert_eq!(found, [Path { segments: vec!["x".into(), "y".into()], line: 4 }]);
    }

    #[test]
    fn broken_sources_end() {
        for source in
            ["use", "use ;", "use {", "use a::{b", "\"", "'", "/*", "r#\"", "#[cfg(test)]", "use }"]
        {
            paths(&without_tests(&tokens(source)));
        }
    }
}

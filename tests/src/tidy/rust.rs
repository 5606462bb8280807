//! Rust source split into what the compiler reads and what people read.
//!
//! [`RustText::parse`] knows line and nested block comments, plain, byte, C and raw strings, character literals and lifetimes;
//! nothing else of the grammar. Every line comes in two columns of equal length: `code`, with the insides of strings and all
//! comments blanked, and `comment`, with everything else blanked. Tokens are words and single marks of the code column.

/// One line in its two columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Code, with the insides of literals and the comments blanked.
    pub code: String,
    /// Comments and doc comments, with the code blanked.
    pub comment: String,
    /// True inside a test file or an item under `cfg(test)`.
    pub in_test: bool,
}

/// A word (identifier, keyword, number) or a single punctuation mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The word or the mark.
    pub text: String,
    /// Line, from 1.
    pub line: usize,
}

/// A function with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Line of the word `fn`, from 1.
    pub line: usize,
    /// Lines from the word `fn` to the closing brace, both counted.
    pub lines: usize,
}

/// A Rust file, split.
#[derive(Debug)]
pub struct RustText {
    /// The lines in order.
    pub lines: Vec<Line>,
    /// The tokens of the code in order.
    pub tokens: Vec<Token>,
}

impl RustText {
    /// Splits `text`; `all_test` says that the whole file is a test.
    #[must_use]
    pub fn parse(text: &str, all_test: bool) -> Self {
        let mut splitter =
            Splitter { chars: text.chars().collect(), at: 0, code: String::new(), comment: String::new() };
        splitter.run();
        let mut lines: Vec<Line> = splitter
            .code
            .lines()
            .zip(splitter.comment.lines())
            .map(|(code, comment)| Line { code: code.to_owned(), comment: comment.to_owned(), in_test: all_test })
            .collect();
        let tokens = tokens(&lines);
        for (first, last) in test_items(&tokens) {
            for line in &mut lines[first - 1..last] {
                line.in_test = true;
            }
        }
        Self { lines, tokens }
    }

    /// The functions that have a body, nested ones too.
    #[must_use]
    pub fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for (index, pair) in self.tokens.windows(2).enumerate() {
            if pair[0].text == "fn"
                && is_word(&pair[1].text)
                && let Some(end) = body_end(&self.tokens, index + 2)
            {
                let line = pair[0].line;
                let lines = self.tokens[end].line - line + 1;
                found.push(Function { name: pair[1].text.clone(), line, lines });
            }
        }
        found
    }

    /// The comments of `above` lines before `line` (from 1) and of the line itself, as one text.
    #[must_use]
    pub fn comments_near(&self, line: usize, above: usize) -> String {
        let first = line.saturating_sub(above + 1);
        let near = &self.lines[first..line.min(self.lines.len())];
        near.iter().map(|line| line.comment.trim()).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
    }
}

/// The closing brace of the item whose signature goes on at token `from`; `None` when it ends with a semicolon.
fn body_end(tokens: &[Token], from: usize) -> Option<usize> {
    let mut nested = 0_i32;
    for (index, token) in tokens.iter().enumerate().skip(from) {
        match token.text.as_str() {
            "(" | "[" => nested += 1,
            ")" | "]" => nested -= 1,
            ";" if nested == 0 => return None,
            "{" if nested == 0 => return Some(closing(tokens, index)),
            _ => {}
        }
    }
    None
}

/// The token that closes the bracket at `open`, or the last one in a file that never closes it.
pub(super) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut nested = 0_i32;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "{" | "(" | "[" => nested += 1,
            "}" | ")" | "]" => nested -= 1,
            _ => {}
        }
        if nested == 0 {
            return index;
        }
    }
    tokens.len() - 1
}

/// First and last line of every item under `cfg(test)` (also inside `all(…)`, not inside `not(…)`).
fn test_items(tokens: &[Token]) -> Vec<(usize, usize)> {
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    let mut items = Vec::new();
    for start in 0..tokens.len() {
        if text(start) != "#" || text(start + 1) != "[" || text(start + 2) != "cfg" {
            continue;
        }
        let mut end = closing(tokens, start + 1);
        let says_test = (start..end).any(|index| text(index) == "test" && text(index.saturating_sub(2)) != "not");
        while text(end + 1) == "#" && text(end + 2) == "[" {
            end = closing(tokens, end + 2);
        }
        if says_test {
            let last = body_end(tokens, end + 1).unwrap_or(end);
            items.push((tokens[start].line, tokens[last].line));
        }
    }
    items
}

/// True for identifiers, keywords and numbers, false for marks.
pub(super) fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphanumeric() || first == '_')
}

fn tokens(lines: &[Line]) -> Vec<Token> {
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let mut rest = line.code.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = if is_word(rest) {
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
            } else {
                first.len_utf8()
            };
            found.push(Token { text: rest[..length].to_owned(), line: index + 1 });
            rest = rest[length..].trim_start();
        }
    }
    found
}

/// Walks the characters once and writes each of them into one column, a blank into the other.
struct Splitter {
    chars: Vec<char>,
    at: usize,
    code: String,
    comment: String,
}

#[derive(Clone, Copy)]
enum Column {
    Code,
    Comment,
    Neither,
}

impl Splitter {
    fn run(&mut self) {
        while let Some(next) = self.peek(0) {
            match (next, self.peek(1)) {
                ('/', Some('/')) => self.line_comment(),
                ('/', Some('*')) => self.block_comment(),
                ('"', _) => self.string(),
                ('\'', _) => self.quote(),
                _ if next.is_alphanumeric() || next == '_' => self.word(),
                _ => self.put(Column::Code),
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    /// Moves one character into its column; line ends go into both.
    fn put(&mut self, column: Column) {
        let Some(next) = self.peek(0) else { return };
        self.at += 1;
        let end = next == '\n';
        self.code.push(if end || matches!(column, Column::Code) { next } else { ' ' });
        self.comment.push(if end || matches!(column, Column::Comment) { next } else { ' ' });
    }

    fn line_comment(&mut self) {
        while self.peek(0).is_some_and(|next| next != '\n') {
            self.put(Column::Comment);
        }
    }

    fn block_comment(&mut self) {
        let mut nested = 0_u32;
        while let (Some(next), after) = (self.peek(0), self.peek(1)) {
            match (next, after) {
                ('/', Some('*')) => nested += 1,
                ('*', Some('/')) => nested -= 1,
                _ => {
                    self.put(Column::Comment);
                    continue;
                }
            }
            self.put(Column::Comment);
            self.put(Column::Comment);
            if nested == 0 {
                return;
            }
        }
    }

    /// A string with escapes, from its opening quote.
    fn string(&mut self) {
        self.put(Column::Code);
        while let Some(next) = self.peek(0) {
            match next {
                '"' => return self.put(Column::Code),
                '\\' => {
                    self.put(Column::Neither);
                    self.put(Column::Neither);
                }
                _ => self.put(Column::Neither),
            }
        }
    }

    /// A raw string, from the first `#` or the quote.
    fn raw_string(&mut self) {
        let mut hashes = 0;
        while self.peek(0) == Some('#') {
            hashes += 1;
            self.put(Column::Neither);
        }
        self.put(Column::Code);
        while let Some(next) = self.peek(0) {
            if next == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                self.put(Column::Code);
                (0..hashes).for_each(|_| self.put(Column::Neither));
                return;
            }
            self.put(Column::Neither);
        }
    }

    /// A character literal or a lifetime.
    fn quote(&mut self) {
        let is_literal = self.peek(1) == Some('\\') || self.peek(2) == Some('\'');
        self.put(Column::Code);
        if !is_literal {
            return;
        }
        if self.peek(0) == Some('\\') {
            self.put(Column::Neither);
        }
        self.put(Column::Neither);
        while self.peek(0).is_some_and(|next| next != '\'') {
            self.put(Column::Neither);
        }
        self.put(Column::Code);
    }

    /// An identifier or a number, or the prefix of a string.
    fn word(&mut self) {
        let start = self.at;
        while self.peek(0).is_some_and(|next| next.is_alphanumeric() || next == '_') {
            self.put(Column::Code);
        }
        let word: String = self.chars[start..self.at].iter().collect();
        let mut ahead = 0;
        while self.peek(ahead) == Some('#') {
            ahead += 1;
        }
        if matches!(word.as_str(), "r" | "br" | "cr") && self.peek(ahead) == Some('"') {
            self.raw_string();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> (String, String) {
        let parsed = RustText::parse(text, false);
        let code: Vec<&str> = parsed.lines.iter().map(|line| line.code.trim_end()).collect();
        let comment: Vec<&str> = parsed.lines.iter().map(|line| line.comment.trim()).collect();
        (code.join("\n"), comment.join("\n"))
    }

    #[test]
    fn comments_are_parted_from_code() {
        let (code, comment) = split("let a = 1; // one\n/* two /* nested */ still */ let b = 2;\n");
        assert_eq!(code, format!("let a = 1;\n{:28} let b = 2;", ""));
        assert_eq!(comment, "// one\n/* two /* nested */ still */");
    }

    #[test]
    fn literals_are_blanked_and_hide_comment_marks() {
        assert_eq!(split(r#"f("// no \" {", 'x');"#).0, r#"f("          ", ' ');"#);
        assert_eq!(split("f(r#\"unsafe \" { \"#, b\"}\");").0, "f(r \"           \" , b\" \");");
        assert_eq!(split(r"f('\'', '\u{1F}', b'{');").0, "f('  ', '      ', b' ');");
        assert_eq!(split("fn f<'a>(x: &'a str) {}").0, "fn f<'a>(x: &'a str) {}");
        assert_eq!(split("\"two\nlines\"; // end").0, "\"\n     \";");
        assert_eq!(split("let r#type = 1;").0, "let r#type = 1;");
    }

    #[test]
    fn functions_have_their_lengths() {
        let text = "fn short() {}\nfn array(a: [u8; 4]) -> u8 {\n    let s = \"}\";\n    a[0]\n}\n\
                    trait T {\n    fn no_body(&self);\n}\ntype P = fn(u8) -> u8;\n";
        let found: Vec<_> =
            RustText::parse(text, false).functions().into_iter().map(|f| (f.name, f.line, f.lines)).collect();
        assert_eq!(found, [("short".to_owned(), 1, 1), ("array".to_owned(), 2, 4)]);
    }

    #[test]
    fn test_items_are_marked() {
        let text = "fn a() {}\n#[cfg(all(test, loom))]\n#[expect(dead_code)]\nmod tests {\n    fn b() {}\n}\n\
                    #[cfg(not(test))]\nfn c() {}\n#[cfg(test)]\nuse x;\n";
        let marks: Vec<bool> = RustText::parse(text, false).lines.iter().map(|line| line.in_test).collect();
        assert_eq!(marks, [false, true, true, true, true, true, false, false, true, false]);
        assert!(RustText::parse("fn a() {}", true).lines[0].in_test);
    }

    #[test]
    fn broken_text_is_survived() {
        for text in ["", "fn", "fn f(", "fn f() {", "\"", "r#\"", "/*", "'", "'\\", "#[cfg(test)]", "b'"] {
            let _ = RustText::parse(text, false).functions();
        }
    }
}

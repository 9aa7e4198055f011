//! [`calls`]: what a file of Starlark, such as a Tiltfile, calls, with the arguments as far as they are plain values.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expr {
    Text(String),
    List(Vec<Expr>),
    Table(Vec<(Expr, Expr)>),
    Call(Call),
    /// What only running it would show.
    Computed,
}

/// A call of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) name: String,
    /// The arguments, some with names.
    pub(super) arguments: Vec<(Option<String>, Expr)>,
    /// The line; 0 for one that is an argument of another.
    pub(super) line: usize,
}

impl Call {
    /// The argument with this name, or without one at this place.
    pub(super) fn argument(&self, name: &str, place: usize) -> Option<&Expr> {
        let named = self.arguments.iter().find(|(key, _)| key.as_deref() == Some(name));
        let placed = || self.arguments.iter().filter(|(key, _)| key.is_none()).nth(place);
        named.or_else(placed).map(|(_, value)| value)
    }

    /// The argument with this name alone.
    pub(super) fn named(&self, name: &str) -> Option<&Expr> {
        self.argument(name, usize::MAX)
    }
}

impl Expr {
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The texts of a list, or the only one.
    pub(super) fn texts(&self) -> Vec<&str> {
        match self {
            Self::List(list) => list.iter().filter_map(Self::text).collect(),
            other => other.text().into_iter().collect(),
        }
    }
}

/// At most so many calls are read, and expressions in each other.
const MAX_CALLS: usize = 500;
const MAX_DEPTH: usize = 40;

static CONSTANT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?m)^(\w+)\s*=\s*(?:'([^'\\\n]*)'|"([^"\\\n]*)")[ \t]*(?:#.*)?$"#).ok());

/// Returns the calls of the functions `names`, those inside of others as well.
pub(super) fn calls(text: &str, names: &[&str]) -> Vec<Call> {
    let constants = constants(text);
    let mut reader = Reader { text, at: 0, depth: 0, constants: &constants };
    let mut found = Vec::new();
    let mut before = String::new();
    while let Some(next) = reader.peek().filter(|_| found.len() < MAX_CALLS) {
        match next {
            '#' => reader.skip(),
            '\'' | '"' => drop(reader.string()),
            c if is_word(c) => {
                let word = reader.word();
                let after = reader.at;
                if names.contains(&word.as_str()) && before != "def" && reader.peek() == Some('(') {
                    let line = 1 + text[..after].matches('\n').count();
                    let arguments = reader.arguments();
                    found.push(Call { name: word.clone(), arguments, line });
                    reader.at = after;
                }
                before = word;
            }
            c => reader.at += c.len_utf8(),
        }
    }
    found
}

/// The names that have one string from the beginning.
fn constants(text: &str) -> BTreeMap<String, Option<String>> {
    let mut found = BTreeMap::new();
    for one in CONSTANT.iter().flat_map(|pattern| pattern.captures_iter(text)) {
        let value = one.get(2).or_else(|| one.get(3)).map(|value| value.as_str().to_owned());
        // One that gets several is none.
        found.entry(one[1].to_owned()).and_modify(|known| *known = None).or_insert(value);
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.')
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    constants: &'a BTreeMap<String, Option<String>>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// Goes over spaces and comments.
    fn skip(&mut self) {
        while let Some(c) = self.peek() {
            match c {
                '#' => self.at += self.text[self.at..].find('\n').unwrap_or(self.text.len() - self.at),
                c if c.is_whitespace() || c == '\\' => self.at += c.len_utf8(),
                _ => break,
            }
        }
    }

    fn word(&mut self) -> String {
        let rest = &self.text[self.at..];
        let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        self.at += word.len();
        word.to_owned()
    }

    fn string(&mut self) -> String {
        let rest = &self.text[self.at..];
        let quote = ["'''", "\"\"\"", "'", "\""].into_iter().find(|quote| rest.starts_with(quote)).unwrap_or("'");
        self.at += quote.len();
        let mut value = String::new();
        while let Some(c) = self.peek() {
            if self.text[self.at..].starts_with(quote) {
                self.at += quote.len();
                break;
            }
            self.at += c.len_utf8();
            match c {
                '\\' => {
                    let escaped = self.peek();
                    self.at += escaped.map_or(0, char::len_utf8);
                    value.extend(escaped);
                }
                c => value.push(c),
            }
        }
        value
    }

    /// The arguments of a call, from its parenthesis on.
    fn arguments(&mut self) -> Vec<(Option<String>, Expr)> {
        self.items(')', |reader| {
            let start = reader.at;
            let name = reader.word();
            reader.skip();
            let rest = &reader.text[reader.at..];
            if !name.is_empty() && rest.starts_with('=') && !rest.starts_with("==") {
                reader.at += 1;
                return (Some(name), reader.expr());
            }
            reader.at = start;
            (None, reader.expr())
        })
    }

    /// What stands between a bracket and `end`, with commas between.
    fn items<T>(&mut self, end: char, item: impl Fn(&mut Self) -> T) -> Vec<T> {
        self.at += 1;
        let mut found = Vec::new();
        loop {
            self.skip();
            match self.peek() {
                None => return found,
                Some(c) if c == end => {
                    self.at += c.len_utf8();
                    return found;
                }
                Some(',') => self.at += 1,
                Some(c) => {
                    let start = self.at;
                    found.push(item(self));
                    // A bracket that closes nothing.
                    if self.at == start {
                        self.at += c.len_utf8();
                    }
                }
            }
        }
    }

    fn expr(&mut self) -> Expr {
        self.depth += 1;
        let mut value = if self.depth > MAX_DEPTH { Expr::Computed } else { self.primary() };
        self.skip();
        while self.depth <= MAX_DEPTH && self.peek() == Some('+') {
            self.at += 1;
            let next = self.primary();
            value = match (value, next) {
                (Expr::Text(first), Expr::Text(second)) => Expr::Text(first + &second),
                (Expr::List(first), Expr::List(second)) => Expr::List(first.into_iter().chain(second).collect()),
                _ => Expr::Computed,
            };
            self.skip();
        }
        if self.peek().is_some_and(|c| !matches!(c, ',' | ')' | ']' | '}' | ':')) {
            self.go_to_its_end();
            value = Expr::Computed;
        }
        self.depth -= 1;
        value
    }

    fn primary(&mut self) -> Expr {
        self.skip();
        match self.peek() {
            Some('\'' | '"') => Expr::Text(self.string()),
            Some('[') => Expr::List(self.items(']', Self::expr)),
            Some('(') => {
                let mut list = self.items(')', Self::expr);
                if list.len() == 1 { list.remove(0) } else { Expr::List(list) }
            }
            Some('{') => Expr::Table(self.items('}', |reader| {
                let key = reader.expr();
                if reader.peek() == Some(':') {
                    reader.at += 1;
                }
                (key, reader.expr())
            })),
            Some(c) if is_word(c) => {
                let name = self.word();
                match self.peek() {
                    Some('(') => Expr::Call(Call { name, arguments: self.arguments(), line: 0 }),
                    Some('\'' | '"') if name == "r" => Expr::Text(self.string()),
                    _ => self.constants.get(&name).cloned().flatten().map_or(Expr::Computed, Expr::Text),
                }
            }
            _ => Expr::Computed,
        }
    }

    /// Goes on to the comma or the bracket behind an expression.
    fn go_to_its_end(&mut self) {
        let mut open = 0_usize;
        while let Some(c) = self.peek() {
            match c {
                '\'' | '"' => {
                    self.string();
                    continue;
                }
                '#' => {
                    self.skip();
                    continue;
                }
                '(' | '[' | '{' => open += 1,
                ')' | ']' | '}' | ',' if open == 0 => return,
                ')' | ']' | '}' => open -= 1,
                _ => {}
            }
            self.at += c.len_utf8();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let shown = |(name, value): &(Option<String>, Expr)| {
            format!("{}{value:?}", name.as_ref().map(|name| format!("{name}=")).unwrap_or_default())
        };
        let calls = calls(text, &["f", "g"]);
        calls
            .iter()
            .map(|call| {
                let arguments = call.arguments.iter().map(shown).collect::<Vec<_>>();
                format!("{} {}({})", call.line, call.name, arguments.join(", "))
            })
            .collect()
    }

    #[test]
    fn plain_values_are_read_and_others_are_computed() {
        for (text, expected) in [
            ("f('a', b=\"c\")", r#"1 f(Text("a"), b=Text("c"))"#),
            ("# f('no')\n'f(1)'\nf(['a', 'b'] + ['c'])", r#"3 f(List([Text("a"), Text("b"), Text("c")]))"#),
            ("R = 'r'\nf(R + '/x', R)", r#"2 f(Text("r/x"), Text("r"))"#),
            ("R = 'r'\nR = 's'\nf(R)", "3 f(Computed)"),
            (
                "f('a/' + name, 'b/%s' % name, x if y else 'z', c=os.getenv('A'))",
                r#"1 f(Computed, Computed, Computed, c=Call(Call { name: "os.getenv", arguments: [(None, Text("A"))], line: 0 }))"#,
            ),
            (
                "f({'a': 'b', \"c\": d}, r'\\'')",
                r#"1 f(Table([(Text("a"), Text("b")), (Text("c"), Computed)]), Text("'"))"#,
            ),
            ("f('''a\nb''', [x for x in y], # z\n  d=1)", r#"1 f(Text("a\nb"), List([Computed]), d=Computed)"#),
            ("def f(a): pass\nx.f(1)\nh(1)", ""),
        ] {
            assert_eq!(shown(text).join("|"), expected, "{text}");
        }
    }

    #[test]
    fn calls_inside_of_others_are_found_and_nothing_runs_away() {
        assert_eq!(shown("h(f(g('a')))").len(), 2);
        let calls = ["f(", "f(]", "f('", "f({", "f(a b", "f([)"].map(|text| calls(text, &["f"]).len());
        assert_eq!(calls, [1; 6]);
        assert_eq!(shown(&"f(".repeat(4_000)).len(), MAX_CALLS);
        assert_eq!(shown(&format!("f({}'a'{})", "[".repeat(9999), "]".repeat(9999))).len(), 1);
    }
}

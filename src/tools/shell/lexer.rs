//! [`Lexer`]: where a value stands in a script, as a shell reads it.
//!
//! A value is handed to the shell as a variable. What remains is to write the reference so that it is one word,
//! whatever quotes it stands in. A shell never reads what a variable holds as a part of the script, so that a place
//! that is mistaken can split or join words, and no more. Where text is code for another reader (`eval`, `sh -c`,
//! arithmetic of bash) a variable does not help, and the value is refused.

use super::place::{ARITHMETIC, BRACKETS, C_QUOTED, CODE, DELIMITER, ESCAPED, PARAMETER, Place, RAW_HERE, Refusal};

/// Programs that take a script after `-c`, and on standard input.
const SHELLS: [&str; 8] = ["sh", "bash", "dash", "ash", "ksh", "zsh", "su", "busybox"];

/// Commands of the shell that read their arguments as code.
const READERS: [&str; 5] = ["eval", "let", "trap", "declare", "typeset"];

/// Words after which another command begins.
const RESERVED: [&str; 10] = ["if", "then", "else", "elif", "do", "while", "until", "!", "{", "time"];

/// Variables whose value is a shell.
const SHELL_VARIABLES: [&str; 2] = ["SHELL", "BASH"];

/// Options of shells that take the next word with them.
const WITH_VALUE: [&str; 4] = ["-o", "+o", "-O", "+O"];

/// Whether the program `word` is a shell, or a variable that names one: `$SHELL`, `${SHELL}`.
fn is_shell(word: &str) -> bool {
    let variable = word.strip_prefix(['$', '\0']).is_some_and(|name| SHELL_VARIABLES.contains(&name));
    variable || SHELLS.contains(&word.rsplit('/').next().unwrap_or(word))
}

/// Whether `word` is the option `-c` of a shell, alone or with others.
fn is_script_option(word: &str) -> bool {
    word.starts_with('-') && !word.starts_with("--") && word.contains('c')
}

/// Returns which of `argv`, or which word after them, is a script for a shell that stands before it. It is the first
/// word after `-c` and all other options: `sh -c -e -- SCRIPT`.
pub fn script_argument<S: AsRef<str>>(argv: &[S]) -> Option<usize> {
    let word = |n: usize| argv[n].as_ref();
    let shell = (0..argv.len()).find(|n| is_shell(word(*n)))?;
    let mut at = 1 + (shell + 1..argv.len()).find(|n| is_script_option(word(*n)))?;
    while at < argv.len() && word(at).starts_with(['-', '+']) {
        at += if WITH_VALUE.contains(&word(at)) { 2 } else { 1 };
    }
    Some(at)
}

/// Reads a script piece by piece, and says where the values between the pieces stand.
#[derive(Debug)]
pub struct Lexer {
    /// What is open, the innermost last.
    frames: Vec<Frame>,
    /// The here-documents that begin with the next line.
    pending: Vec<Here>,
    /// Whether the last character was a backslash that escapes the next one.
    escaped: bool,
    /// Whether the delimiter of a here-document has to follow.
    wants_delimiter: bool,
}

#[derive(Debug)]
enum Frame {
    Commands(Commands),
    Double,
    Single,
    /// `$'…'`
    CQuoted,
    /// `${…}`
    Parameter,
    /// `$((…))`, with the parentheses that are open in it.
    Arithmetic(usize),
    Comment,
    Here(Here),
}

/// The script, `$(…)`, `(…)` or `` `…` ``.
#[derive(Debug, Default)]
struct Commands {
    /// What ends it; nothing ends the script.
    end: Option<char>,
    /// The words of the command so far.
    words: Vec<String>,
    /// The word that is open.
    word: Option<String>,
    /// How many `case` are open: in them `)` ends a pattern.
    cases: usize,
    /// Whether `[[` is open.
    in_brackets: bool,
}

/// A here-document.
#[derive(Debug, Default)]
struct Here {
    delimiter: String,
    /// Whether nothing is replaced in it.
    raw: bool,
    /// Whether tabs at the beginning of a line do not count.
    tabs: bool,
    /// Whether a shell reads it.
    is_code: bool,
    line: String,
}

impl Commands {
    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        let first = self.words.is_empty();
        match word.as_str() {
            "case" if first => self.cases += 1,
            "esac" if first => self.cases = self.cases.saturating_sub(1),
            "[[" if first => self.in_brackets = true,
            "]]" => self.in_brackets = false,
            reserved if first && RESERVED.contains(&reserved) => return,
            _ => {}
        }
        self.words.push(word);
    }

    fn end_command(&mut self) {
        self.end_word();
        self.words.clear();
        self.in_brackets = false;
    }

    /// Whether a shell reads the word that is open, or begins, as code.
    fn reads_code(&self) -> bool {
        // Where `-o` is the last word, the one after it is none of them.
        let after_option = script_argument(&self.words).is_some_and(|script| script == self.words.len());
        after_option || self.words.iter().any(|word| READERS.contains(&word.as_str()))
    }
}

impl Default for Lexer {
    fn default() -> Self {
        let script = Frame::Commands(Commands::default());
        Self { frames: vec![script], pending: Vec::new(), escaped: false, wants_delimiter: false }
    }
}

impl Lexer {
    /// Reads the next piece of the script.
    pub fn text(&mut self, text: &str) {
        let chars: Vec<char> = text.chars().collect();
        let mut at = 0;
        while at < chars.len() {
            at += self.step(&chars[at..]);
        }
    }

    /// A value stands here: returns how.
    pub fn value(&mut self) -> Result<Place, Refusal> {
        if std::mem::take(&mut self.escaped) {
            return Err(ESCAPED);
        }
        if std::mem::take(&mut self.wants_delimiter) {
            return Err(DELIMITER);
        }
        let place = match self.frames.last_mut() {
            Some(Frame::CQuoted) => return Err(C_QUOTED),
            Some(Frame::Parameter) => return Err(PARAMETER),
            Some(Frame::Arithmetic(_)) => return Err(ARITHMETIC),
            Some(Frame::Here(here)) if here.raw => return Err(RAW_HERE),
            Some(Frame::Here(here)) => {
                // A line with a value ends no here-document.
                here.line.push('\0');
                Place::Text
            }
            // A comment is one, with a reference as with any other text.
            Some(Frame::Double | Frame::Comment) => Place::Text,
            Some(Frame::Single) => Place::Single,
            Some(Frame::Commands(_)) | None => Place::Word,
        };
        if matches!(self.frames.last(), Some(Frame::Comment)) {
            return Ok(place);
        }
        for frame in self.frames.iter_mut().rev() {
            match frame {
                Frame::Arithmetic(_) => return Err(ARITHMETIC),
                Frame::Parameter => return Err(PARAMETER),
                Frame::Here(here) if here.is_code => return Err(CODE),
                Frame::Commands(commands) if commands.in_brackets => return Err(BRACKETS),
                Frame::Commands(commands) if commands.reads_code() => return Err(CODE),
                Frame::Commands(commands) => commands.push('\0'),
                _ => {}
            }
        }
        Ok(place)
    }

    /// Reads the first of `chars`, and what belongs to it. Returns how many.
    fn step(&mut self, chars: &[char]) -> usize {
        let c = chars[0];
        self.wants_delimiter = false;
        if std::mem::take(&mut self.escaped) {
            self.word_char(c);
            return 1;
        }
        match self.frames.last_mut() {
            Some(Frame::Single) if c == '\'' => self.pop(),
            Some(Frame::Single) => self.word_char(c),
            Some(Frame::Comment) => {
                if c == '\n' {
                    self.pop();
                    return self.commands(chars);
                }
            }
            Some(Frame::CQuoted) => match c {
                '\\' => self.escaped = true,
                '\'' => self.pop(),
                _ => {}
            },
            Some(Frame::Double) if c == '"' => self.pop(),
            Some(Frame::Double) => return self.expanded(chars),
            Some(Frame::Here(_)) => return self.here(chars),
            Some(Frame::Parameter) => match c {
                '}' => self.pop(),
                '"' => self.frames.push(Frame::Double),
                '\'' if !self.is_in_double() => self.frames.push(Frame::Single),
                _ => return self.expanded(chars),
            },
            Some(Frame::Arithmetic(depth)) => match c {
                '(' => *depth += 1,
                ')' if *depth > 0 => *depth -= 1,
                ')' => {
                    self.pop();
                    return if chars.get(1) == Some(&')') { 2 } else { 1 };
                }
                _ => return self.expanded(chars),
            },
            Some(Frame::Commands(_)) | None => return self.commands(chars),
        }
        1
    }

    fn pop(&mut self) {
        if self.frames.len() > 1 {
            self.frames.pop();
        }
    }

    /// Whether the innermost quotes, commands aside, are double.
    fn is_in_double(&self) -> bool {
        let open = self.frames.iter().rev().find(|frame| !matches!(frame, Frame::Parameter));
        matches!(open, Some(Frame::Double | Frame::Here(_)))
    }

    /// Adds a character to the word that is open.
    fn word_char(&mut self, c: char) {
        let commands = self.frames.iter_mut().rev().find_map(|frame| match frame {
            Frame::Commands(commands) => Some(commands),
            _ => None,
        });
        if let Some(commands) = commands {
            commands.push(c);
        }
    }

    /// What is replaced in words and in double quotes alike. Returns 0 if it is none of that.
    fn expansion(&mut self, chars: &[char]) -> usize {
        let nested = |end| Frame::Commands(Commands { end: Some(end), ..Commands::default() });
        let (frame, n) = match chars {
            ['$', '(', '(', ..] => (Frame::Arithmetic(0), 3),
            ['$', '(', ..] => (nested(')'), 2),
            ['$', '{', ..] => (Frame::Parameter, 2),
            ['`', ..] => (nested('`'), 1),
            ['\\', ..] => {
                self.escaped = true;
                return 1;
            }
            _ => return 0,
        };
        self.word_char('\0');
        self.frames.push(frame);
        n
    }

    fn expanded(&mut self, chars: &[char]) -> usize {
        match self.expansion(chars) {
            0 => {
                self.word_char(chars[0]);
                1
            }
            n => n,
        }
    }

    fn commands(&mut self, chars: &[char]) -> usize {
        let Some(Frame::Commands(commands)) = self.frames.last_mut() else { return 1 };
        let c = chars[0];
        match chars {
            _ if commands.end == Some(c) && (c == '`' || commands.cases == 0) => self.pop(),
            ['\'', ..] => self.frames.push(Frame::Single),
            ['"', ..] => {
                commands.word.get_or_insert_default();
                self.frames.push(Frame::Double);
            }
            ['$', '\'', ..] => {
                self.frames.push(Frame::CQuoted);
                return 2;
            }
            ['(', '(', ..] if commands.word.is_none() && commands.words.is_empty() => {
                self.frames.push(Frame::Arithmetic(0));
                return 2;
            }
            ['(', ..] => {
                commands.end_command();
                self.frames.push(Frame::Commands(Commands { end: Some(')'), ..Commands::default() }));
            }
            ['#', ..] if commands.word.is_none() => self.frames.push(Frame::Comment),
            ['<', '<', '<', ..] => {
                commands.end_word();
                return 3;
            }
            ['<', '<', ..] => return 2 + self.delimiter(&chars[2..]),
            ['\n', ..] => {
                commands.end_command();
                if !self.pending.is_empty() {
                    let here = self.pending.remove(0);
                    self.frames.push(Frame::Here(here));
                }
            }
            [';' | '&' | '|' | ')', ..] => commands.end_command(),
            ['<' | '>', ..] => commands.end_word(),
            _ if c.is_whitespace() => commands.end_word(),
            _ => return self.expanded(chars),
        }
        1
    }

    /// Reads the delimiter of a here-document. Returns how many characters it takes.
    fn delimiter(&mut self, chars: &[char]) -> usize {
        let mut here = Here::default();
        if let Some(Frame::Commands(commands)) = self.frames.last_mut() {
            commands.end_word();
            here.is_code = commands.words.iter().any(|word| is_shell(word));
        }
        let mut at = 0;
        if chars.first() == Some(&'-') {
            here.tabs = true;
            at += 1;
        }
        while chars.get(at).is_some_and(|c| matches!(c, ' ' | '\t')) {
            at += 1;
        }
        let from = at;
        let mut quote = None;
        while let Some(c) = chars.get(at).copied() {
            match c {
                _ if quote == Some(c) => quote = None,
                '\'' | '"' if quote.is_none() => {
                    quote = Some(c);
                    here.raw = true;
                }
                '\\' if quote.is_none() => here.raw = true,
                c if quote.is_none() && (c.is_whitespace() || ";&|<>()".contains(c)) => break,
                c => here.delimiter.push(c),
            }
            at += 1;
        }
        self.wants_delimiter = at == from && at == chars.len();
        self.pending.push(here);
        at
    }

    fn here(&mut self, chars: &[char]) -> usize {
        let Some(Frame::Here(here)) = self.frames.last_mut() else { return 1 };
        let c = chars[0];
        if c == '\n' {
            let line = std::mem::take(&mut here.line);
            let line = if here.tabs { line.trim_start_matches('\t') } else { &line };
            if line == here.delimiter {
                self.pop();
                if !self.pending.is_empty() {
                    let here = self.pending.remove(0);
                    self.frames.push(Frame::Here(here));
                }
            }
            return 1;
        }
        here.line.push(c);
        if here.raw {
            return 1;
        }
        self.expansion(chars).max(1)
    }
}

#[cfg(test)]
mod tests;

//! Whether Go's `filepath.Match` would refuse a pattern.

use std::iter::Peekable;
use std::str::Chars;

/// Whether Go's `filepath.Match(pattern, ".")` finds nothing wrong, which is all the syntax check that Docker does. It
/// stops where `.` stops to match, so that what follows is not checked.
pub(super) fn is_valid(pattern: &str) -> bool {
    let (mut pattern, mut name) = (pattern, ".");
    while !pattern.is_empty() {
        let rest = pattern.trim_start_matches('*');
        let star = rest.len() < pattern.len();
        let chunk;
        (chunk, pattern) = rest.split_at(chunk_end(rest));
        if star && chunk.is_empty() {
            return true;
        }
        // After a star the chunk may also match behind the one character that there is.
        let mut starts = vec![name];
        starts.extend((star && !name.is_empty()).then_some(""));
        let mut after = None;
        for start in starts {
            match match_chunk(chunk, start) {
                Err(BadGlob) => return false,
                Ok(Some(left)) if left.is_empty() || !pattern.is_empty() => {
                    after = Some(left);
                    break;
                }
                Ok(_) => {}
            }
        }
        match after {
            Some(left) => name = left,
            None => return true,
        }
    }
    true
}

/// Where the part of a glob that has no star outside of a class ends.
fn chunk_end(glob: &str) -> usize {
    let (mut in_class, mut escaped) = (false, false);
    for (at, c) in glob.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '*' if !in_class => return at,
            _ => {}
        }
    }
    glob.len()
}

struct BadGlob;

/// What is left of `name` when `chunk` matches its beginning. The chunk is read to its end in any case.
fn match_chunk<'a>(chunk: &str, name: &'a str) -> Result<Option<&'a str>, BadGlob> {
    let mut chunk = chunk.chars().peekable();
    let mut name = name.chars();
    let mut failed = false;
    while let Some(c) = chunk.next() {
        let next = if failed { None } else { name.next() };
        failed |= next.is_none();
        let matches = match c {
            '[' => {
                let negated = chunk.next_if_eq(&'^').is_some();
                let (mut found, mut n) = (false, 0);
                while n == 0 || chunk.next_if_eq(&']').is_none() {
                    let low = class_char(&mut chunk)?;
                    let high = if chunk.next_if_eq(&'-').is_some() { class_char(&mut chunk)? } else { low };
                    found |= next.is_some_and(|next| low <= next && next <= high);
                    n += 1;
                }
                found != negated
            }
            '?' => next != Some('/'),
            '\\' => Some(chunk.next().ok_or(BadGlob)?) == next,
            c => Some(c) == next,
        };
        failed |= !matches;
    }
    Ok((!failed).then_some(name.as_str()))
}

/// One end of a range in a class; the class has to go on after it.
fn class_char(chunk: &mut Peekable<Chars<'_>>) -> Result<char, BadGlob> {
    let c = match chunk.next().ok_or(BadGlob)? {
        '-' | ']' => return Err(BadGlob),
        '\\' => chunk.next().ok_or(BadGlob)?,
        c => c,
    };
    chunk.peek().map(|_| c).ok_or(BadGlob)
}

//! No form of a secret gets through: forms that real tools wrote, and random secrets in random forms.

#![expect(clippy::unwrap_used, reason = "what helps a test fails as the test does")]
#![expect(clippy::cast_possible_truncation, reason = "numbers of two digits, and random choices")]

mod encode;
mod recover;

use encode::{CODES, ESCAPES};
use proptest::prelude::*;
use provision::redact::{RedactStream, Redactor};
use recover::leak;

/// What real tools made of secrets: `#### SECRET | COMMAND`, with the secret in `$S`, and then its output.
const FORMS: &str = include_str!("forms.txt");

const SECRETS: &[(&str, &str)] = &[
    ("PW", "pa's/w&rd+<7>=!(x) y"),
    ("KEY", "sk-proj-Qm7Z2xkV9aTn4LwYc8RfHs1JdUe6Gp0BtNvXyKi3MoEqWl5Sj7ZgAhCrDuFbPzTk2xVnQwLm9Ys4RtHcJd8Ue1Gp6BaNf0"),
    ("UNI", "pässwörd \"q\" \\ 😀 <end>"),
    (
        "PEM",
        "-----BEGIN PRIVATE KEY-----\n\
         MC4CAQAwBQYDK2VwBCIEIH/PT53f7MdWleZkdMKxaJPloOZ7uLi0ItNUr6kOlZ3b\n\
         -----END PRIVATE KEY-----",
    ),
    ("QUOTE", "o'canary"),
    ("SHORT", "s3&r\"t"),
];

/// Texts of fewer bytes are cut at every byte, longer ones at some two dozen places: every byte of theirs would take
/// minutes.
const CUT_EVERYWHERE: usize = 200;

fn masked(secrets: &[&str], chunks: &[&[u8]]) -> Vec<u8> {
    masked_by(&knowing(secrets), chunks)
}

fn knowing(secrets: &[&str]) -> Redactor {
    let redactor = Redactor::new();
    for secret in secrets {
        assert!(redactor.register(secret));
    }
    redactor
}

fn masked_by(redactor: &Redactor, chunks: &[&[u8]]) -> Vec<u8> {
    let mut stream = RedactStream::new(redactor.clone());
    let mut out = Vec::new();
    for chunk in chunks {
        out.extend_from_slice(&stream.push(chunk));
    }
    out.extend(stream.finish());
    out
}

#[test]
fn what_real_tools_make_of_a_secret_is_masked_wherever_it_is_cut() {
    let mut leaks = Vec::new();
    for form in FORMS.split("#### ").skip(1) {
        let (title, output) = form.split_once('\n').unwrap();
        let name = title.split(' ').next().unwrap();
        let secret = SECRETS.iter().find(|(known, _)| *known == name).unwrap().1;
        let text = format!("before: ok\n{output}after: ok\n").into_bytes();
        let redactor = knowing(&[secret]);
        let out = masked_by(&redactor, &[&text]);
        let shown = String::from_utf8_lossy(&out).into_owned();
        assert!(
            shown.starts_with("before: ok\n") && shown.ends_with("after: ok\n") && shown.contains("***"),
            "{title}\n{shown}"
        );
        leaks.extend(leak(&out, secret).map(|part| format!("{title}\n{part}\n--- in\n{shown}")));
        for size in [1, 2, 7, 64] {
            let chunks: Vec<&[u8]> = text.chunks(size).collect();
            assert_eq!(String::from_utf8_lossy(&masked_by(&redactor, &chunks)), shown, "{title}, in chunks of {size}");
        }
        for cut in (1..text.len()).step_by(if text.len() < CUT_EVERYWHERE { 1 } else { text.len() / 24 }) {
            let halves = [&text[..cut], &text[cut..]];
            assert_eq!(String::from_utf8_lossy(&masked_by(&redactor, &halves)), shown, "{title}, cut at {cut}");
        }
    }
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
}

/// A secret of eight or more bytes without quotes and white space.
fn secret() -> impl Strategy<Value = String> {
    let line = "[A-Za-z0-9+/]{64}";
    prop_oneof![
        4 => ("[!-~]{0,20}", "[a-zA-Z0-9]{8}", "[ -~]{0,20}").prop_map(|(a, b, c)| format!("{a}{b}{c}")),
        2 => ("[a-zà-ÿ€-₯ 😀-😎'\"\\\\&]{4,20}", "[a-z]{9}").prop_map(|(a, b)| format!("{b}{a}{b}")),
        1 => proptest::collection::vec("[ -~]{3,30}", 2..5).prop_map(|lines| lines.join("\n") + "Xy7qLm3a"),
        1 => proptest::collection::vec(line, 1..6).prop_map(|lines| {
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", lines.join("\n"))
        }),
    ]
}

fn form() -> impl Strategy<Value = (usize, u64)> {
    (any::<usize>(), any::<u64>())
}

/// Forms that write letters and digits in more than one way: within codes in big chunks they may be missed.
const UNUSUAL: &[&str] = &["url", "form"];

struct Case {
    secret: String,
    /// The names of the forms, innermost first.
    forms: Vec<&'static str>,
    before: String,
    coded: Vec<u8>,
    after: String,
    chunk: usize,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let coded = String::from_utf8_lossy(&self.coded);
        write!(f, "{:?} {:?} chunks of {}: ", self.secret, self.forms, self.chunk)?;
        write!(f, "{:?} {coded:?} {:?}", self.before, self.after)
    }
}

/// With `usual`, letters and digits are put into codes as they are.
fn case(usual: bool) -> impl Strategy<Value = Case> {
    let around = "[ -~\n]{0,60}";
    let inside = "[a-zA-Z:=./]{0,9}";
    let forms = (proptest::collection::vec(form(), 0..3), proptest::option::of(form()), proptest::option::of(form()));
    let shape = (any::<bool>(), prop_oneof![Just("\n"), Just(" "), Just("\n\n")], 1_usize..200);
    (secret(), (inside, inside), forms, (around, around), shape).prop_map(
        move |(secret, (first, last), (inner, code, outer), (before, after), (twice, end, chunk))| {
            let mut coded = format!("{first}{secret}{last}").into_bytes();
            let mut names = Vec::new();
            let mut apply =
                |forms: &[(&'static str, encode::Form)], (n, choices): (usize, u64), coded: &mut Vec<u8>| {
                    let (name, form) = forms[n % forms.len()];
                    names.push(name);
                    *coded = form(coded, choices);
                };
            let deepest = if code.is_some() { 1 } else { 2 };
            let into_code = usual && code.is_some();
            // Undoing a line end in the text column of an escaped dump breaks the dump.
            let into_dump = code.is_some_and(|(n, _)| n % CODES.len() >= 8) && outer.is_some();
            let allowed = |(n, _): &(usize, u64)| !into_code || !UNUSUAL.contains(&ESCAPES[n % ESCAPES.len()].0);
            for form in inner.into_iter().filter(allowed).take(if into_dump { 0 } else { deepest }) {
                apply(ESCAPES, form, &mut coded);
            }
            if let Some(code) = code {
                apply(CODES, code, &mut coded);
                if twice && (3..5).contains(&(code.0 % CODES.len())) {
                    apply(&CODES[..4], code, &mut coded);
                }
            }
            // A plus that stands for a space can't be distinguished from a digit of base64.
            if let Some(outer) = outer.filter(|(n, _)| ESCAPES[n % ESCAPES.len()].0 != "form") {
                apply(ESCAPES, outer, &mut coded);
            }
            Case { secret, forms: names, before: before + end, coded, after: format!("{end}{after}"), chunk }
        },
    )
}

/// Few enough for every run of the tests; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").map_or(64, |cases| cases.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_of_a_random_secret_in_random_forms_gets_through(case in case(false)) {
        let mut text = case.before.clone().into_bytes();
        text.extend_from_slice(&case.coded);
        text.extend_from_slice(case.after.as_bytes());
        let chunks: Vec<&[u8]> = text.chunks(case.chunk).collect();
        let out = masked(&[&case.secret], &chunks);
        let shown = String::from_utf8_lossy(&out);
        prop_assert!(out.starts_with(case.before.as_bytes()), "the text before: {shown}");
        // Its first letter may happen to go on with a piece of the secret.
        let left_out = |character: char| character.is_whitespace() || "'\"\\+".contains(character);
        let after = case.after.trim_start_matches(left_out);
        let after = after.get(1..).unwrap_or_default().trim_start_matches(left_out);
        prop_assert!(out.ends_with(after.as_bytes()), "the text after: {shown}");
        if let Some(part) = leak(&out, &case.secret) {
            prop_assert!(false, "{part}\n--- of\n{}\n--- masked\n{shown}", String::from_utf8_lossy(&text));
        }
        let other: Vec<&[u8]> = text.chunks(case.chunk * 7 % 211 + 1).collect();
        prop_assert_eq!(&*out, &*masked(&[&case.secret], &other), "chunks make a difference");
    }

    #[test]
    fn big_chunks_are_masked_as_small_ones_are(cases in proptest::collection::vec((case(true), 0_usize..9000), 1..5)) {
        let mut text = Vec::new();
        for (case, distance) in &cases {
            let filler = LOG.repeat(distance / LOG.len() + 1);
            text.extend_from_slice(&filler.as_bytes()[..*distance]);
            text.extend_from_slice(case.before.as_bytes());
            text.extend_from_slice(&case.coded);
            text.extend_from_slice(case.after.as_bytes());
        }
        let secrets: Vec<&str> = cases.iter().map(|(case, _)| case.secret.as_str()).collect();
        let small: Vec<&[u8]> = text.chunks(150).collect();
        let expected = masked(&secrets, &small);
        let whole = masked(&secrets, &[&text]);
        prop_assert_eq!(String::from_utf8_lossy(&whole), String::from_utf8_lossy(&expected));
        let large: Vec<&[u8]> = text.chunks(2000 + cases[0].1).collect();
        let large = masked(&secrets, &large);
        prop_assert_eq!(String::from_utf8_lossy(&large), String::from_utf8_lossy(&expected));
    }
}

const LOG: &str = r#"2026-11-26T05:12:15Z INFO  GET /api/v1/items?id=4711&page=2 200 in 12 ms (10.0.3.17)
#12 [builder 4/7] RUN cargo build --release --locked && echo "done"
{"level":"info","msg":"request \"done\" 100%","path":"/api/v1/items","sha":"9f86d081884c7d659a2feaa0c55ad015"}
"#;

//! What is masked, and what is left alone.

use super::*;

#[test]
fn a_secret_is_masked_however_it_is_cut() {
    let redactor = Redactor::new();
    assert!(redactor.register("hunter22"));
    assert!(redactor.register("hunt the snark"));
    let text = b"a hunter22 b hunt the snark c hunter2 hunthunter22".as_slice();
    let expected = b"a *** b *** c hunter2 hunt***".as_slice();
    assert_eq!(&*redactor.bytes(text), expected);
    for first in 0..text.len() {
        for second in first..text.len() {
            let mut stream = RedactStream::new(redactor.clone());
            let mut out = stream.push(&text[..first]).into_owned();
            out.extend_from_slice(&stream.push(&text[first..second]));
            out.extend_from_slice(&stream.push(&text[second..]));
            out.extend_from_slice(&stream.finish());
            assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(expected), "{first} {second}");
        }
    }
}

#[test]
fn base64_is_masked_at_every_alignment() {
    let redactor = Redactor::new();
    redactor.register("correct horse battery");
    // base64 of "correct horse battery" after no, one and two bytes.
    for coded in
        ["Y29ycmVjdCBob3JzZSBiYXR0ZXJ5", "eGNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==", "eHhjb3JyZWN0IGhvcnNlIGJhdHRlcnk="]
    {
        assert!(redactor.text(coded).contains("***"), "{coded}");
    }
}

#[test]
fn what_json_and_urls_make_of_a_secret_is_masked() {
    let redactor = Redactor::new();
    redactor.register("pa\"ss/wo?rd~~");
    for coded in [r#"{"pw":"pa\"ss/wo?rd~~"}"#, "?pw=pa%22ss%2Fwo%3Frd~~&x", "cGEic3Mvd28_cmR-fg=="] {
        assert!(redactor.text(coded).contains("***"), "{coded}");
    }
}

#[test]
fn short_texts_are_refused_and_change_nothing() {
    let redactor = Redactor::new();
    assert!(!redactor.register("abc"));
    assert_eq!(redactor.text("abc"), "abc");
}

#[test]
fn each_line_of_a_secret_is_one() {
    let redactor = Redactor::new();
    redactor.register("-----BEGIN-----\nMIIEow\n-----END-----\n");
    assert_eq!(redactor.text("x MIIEow y"), "x *** y");
}

/// Secrets of every size; none is in any file of the project but here.
fn secrets() -> [String; 4] {
    let key = "zV0uK3yQmL8sXc5Rn1WbT7hDaJ2eGf9pYo4iUkE6/rSdHvCxMwNqBtZlAgPj+OI\n\
               Lw8nRz2Kq5VxYc0TmJb7UeHs4GdFa1PoXiN9uQ3kWtCyEr6SvDhBlMjZpAgIfO\n\
               Gk3s/Rw==";
    ["t9#x", "q7'w\"z", "zx81-spec-trum48k", key].map(str::to_owned)
}

/// The project's own texts: documents and sources, without this file.
fn project_texts() -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["docs", "src/tools", "src/cli", "src/exec"]
        .into_iter()
        .flat_map(|folder| walkdir::WalkDir::new(root.join(folder)));
    let files = files.map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    files.map(|entry| fs_err::read_to_string(entry.path()).unwrap()).collect()
}

#[test]
fn ordinary_text_is_left_alone() {
    let common = ["true", "test1234", "main", "name", "8080", "password", "run = ", "${{ env"].map(str::to_owned);
    for secret in common.into_iter().chain(secrets()) {
        let redactor = Redactor::new();
        redactor.register(&secret);
        for text in project_texts() {
            // A line of its own for each secret: `expected` knows no lines.
            let expected = text.replace(secret.trim(), "***");
            assert_eq!(redactor.text(&text), expected, "{secret}");
        }
    }
}

#[test]
fn lines_and_prompts_are_not_held_back() {
    let redactor = Redactor::new();
    for secret in secrets() {
        assert!(redactor.register(&secret));
    }
    let mut stream = RedactStream::new(redactor);
    for prompt in ["Password: ", "Continue? [y/n] ", "name> ", "50 of 100 (12 s)"] {
        assert_eq!(String::from_utf8_lossy(&stream.push(prompt.as_bytes())), prompt);
    }
    let (mut n_lines, mut n_late) = (0, 0);
    for line in project_texts().iter().flat_map(|text| text.split_inclusive('\n')) {
        let out = stream.push(line.as_bytes());
        n_lines += 1;
        n_late += usize::from(!out.ends_with(b"\n"));
        assert!(out.len() + 64 > line.len(), "{line}");
    }
    assert!(n_late * 40 < n_lines, "{n_late} of {n_lines} lines waited for the next one");
}

#[test]
fn what_is_held_back_is_bounded() {
    let redactor = Redactor::new();
    for secret in secrets() {
        assert!(redactor.register(&secret));
    }
    for (start, filler) in
        [("zx81", " "), ("zx81", "\\"), ("eng4", "\r\n"), ("%7", "%25"), ("7a 78", "\t"), ("00000000: 7a", " ")]
    {
        let mut stream = RedactStream::new(redactor.clone());
        let (mut taken, mut given) = (0, 0);
        for text in std::iter::once(start.to_owned()).chain(std::iter::repeat_n(filler.repeat(100), 300)) {
            taken += text.len();
            given += stream.push(text.as_bytes()).len();
            assert!(taken - given <= 5000, "{start} and then {filler:?}: {} bytes are held", taken - given);
        }
        given += stream.finish().len();
        assert_eq!(given, taken);
    }
}

#[test]
fn a_secret_that_becomes_known_is_masked_in_what_is_held_back() {
    let redactor = Redactor::new();
    redactor.register("hunter22-and-more-of-it");
    let mut stream = RedactStream::new(redactor.clone());
    let mut out = stream.push(b"x hunter22-and").into_owned();
    redactor.register("hunter22-and-nothing");
    out.extend_from_slice(&stream.push(b"-nothing y"));
    out.extend(stream.finish());
    assert_eq!(String::from_utf8_lossy(&out), "x *** y");
}

#[test]
fn a_piece_of_sixteen_bytes_is_masked_and_filler_is_not() {
    let redactor = Redactor::new();
    redactor.register("first line of it\n                        indented-much\n========================\nlast4");
    assert_eq!(redactor.text("..t line of it\n    ind.."), "..t line of it\n    ind..");
    assert_eq!(redactor.text("..line of it\n    indented.."), "..***..");
    assert_eq!(redactor.text("=================="), "==================");
    redactor.register("0101010101010101010101");
    assert_eq!(redactor.text("x 10101010101010101 y"), "x *** y");
    assert_eq!(redactor.text("x 101010101010101 y"), "x 101010101010101 y");
}

#[test]
fn short_secrets_are_masked_in_common_forms_alone() {
    let redactor = Redactor::new();
    redactor.register("p'a\"s");
    for form in [
        "p'a\"s",
        r#"p'\''a"s"#,
        r#"p'a\"s"#,
        r#"p\'a\"s"#,
        "p%27a%22s",
        "p&#39;a&quot;s",
        "cCdhInM=",
        "70 27 61 22 73",
    ] {
        assert!(redactor.text(form).contains("***"), "{form}");
    }
    for text in ["pas", "p a s", "p'as", "pa\"s", "p'\na\"s"] {
        assert_eq!(redactor.text(text), text);
    }
}

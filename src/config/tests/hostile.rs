//! No file, however broken, makes `load` panic or run forever.

use proptest::prelude::*;

use super::*;

const VALID: &str = include_str!("valid.toml");

/// Loads it, and renders its errors.
fn survives(text: impl AsRef<[u8]>) {
    if let Err(errors) = Project::new(text).load() {
        assert!(!errors.render(true).is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        survives(bytes);
    }

    #[test]
    fn any_words(words in proptest::collection::vec(prop::sample::select(WORDS), 0..60)) {
        survives(words.concat());
    }

    #[test]
    fn a_good_file_with_a_change(at in 0..VALID.len(), cut in 0..12_usize, put in prop::sample::select(WORDS)) {
        let mut bytes = VALID.as_bytes().to_vec();
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, put.bytes());
        survives(bytes);
    }

    #[test]
    fn any_expression(text in "[ -~ä\n]{0,60}") {
        let text = format!("[pipeline]\nname='p'\n[[stage]]\nid='a'\n[[stage.step]]\nid='b'\naction='command'\nrun='''${{{{{text}}}}}'''\n");
        survives(text);
    }
}

const WORDS: &[&str] = &[
    "",
    "[",
    "]",
    "[[stage]]\n",
    "[[stage.step]]\n",
    "[stage]\n",
    "[vars]\n",
    "[cluster]\n",
    "{",
    "}",
    "=",
    "\n",
    "\r\n",
    " ",
    "\"",
    "'",
    "'''",
    "\"\"\"",
    "id",
    "action",
    "'command'",
    "needs",
    "${{",
    "}}",
    "$${{",
    "vars.",
    "steps.a.b.c",
    "secrets.X",
    "1",
    "-1",
    "1e9",
    "inf",
    "0x7f",
    "true",
    "2020-01-01",
    ".",
    ",",
    "#",
    "\u{feff}",
    "ä",
    "\\",
    "\\u0000",
    "a",
    "run",
];

#[test]
fn deep_and_wide_files_are_rejected_quickly() {
    let deep = format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Project::new(deep).load().is_err());
    let dotted = format!("{} = 1", vec!["a"; 50_000].join("."));
    assert!(Project::new(dotted).load().is_err());
    let many = (0..5_000)
        .map(|n| {
            format!("[[stage.step]]\nid='s{n}'\naction='command'\nrun='x ${{{{ vars.v }}}}'\nneeds=['s{}']\n", n + 1)
        })
        .collect::<Vec<_>>()
        .concat();
    let errors = Project::new(with_header(&format!("[vars]\nv=1\n[[stage]]\nid='a'\n{many}"))).errors();
    assert!(errors.contains("unknown step `a.s5000`"), "{errors}");
    let grows = (1..200)
        .map(|n| format!("v{n:03} = '${{{{ vars.v{:03} ~ vars.v{:03} }}}}'\n", n - 1, n - 1))
        .collect::<Vec<_>>()
        .concat();
    let errors = Project::new(with_header(&format!("[vars]\nv000='xxxxxxxx'\n{grows}"))).errors();
    assert!(errors.contains("longer than 64 KiB"), "{errors}");
    let quotes = with_header(&format!("[vars]\nv=\"\"\"${{{{ {}\"\"\"\n", "'\\\\".repeat(500_000)));
    assert!(Project::new(quotes).load().is_err());
}

#[test]
fn big_files_have_a_bounded_number_of_errors() {
    let repeat = |line: &dyn Fn(usize) -> String, bytes: usize| {
        let mut text = String::new();
        for n in 0.. {
            text.push_str(&line(n));
            if text.len() > bytes {
                break;
            }
        }
        text
    };
    let files = [
        with_header(&repeat(&|n| format!("[[stage.step]]\nid='s{n}'\n"), 400_000)),
        with_header(&repeat(&|n| format!("[[stage]]\nid='s{n}'\nneeds=['t{n}']\n"), 400_000)),
        with_header(&format!("[vars]\n{}", repeat(&|n| format!("v{n}=1\n"), 400_000))),
        with_header(&repeat(&|n| format!("k{n}=1\n"), 400_000)),
        with_header(&format!("[vars]\nv='''{}'''\n", repeat(&|_| "${{ 1 }}".into(), 400_000))),
        with_header(&format!(
            "[[stage]]\nid='a'\n[[stage.step]]\nid='b'\naction='command'\nrun=[{}]\ncovers=[{}]\n",
            repeat(&|_| "'${{ env.X }}',".into(), 400_000),
            repeat(&|n| format!("'T{n}',"), 400_000)
        )),
    ];
    for file in files {
        let errors = Project::new(file).load().unwrap_err();
        assert!((1..=1000).contains(&errors.iter().count()), "{}", errors.iter().count());
    }
}

#[test]
fn a_named_pipe_is_not_opened() {
    let project = Project::new("");
    let path = project.root().join("pipeline.toml");
    fs_err::remove_file(&path).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    assert!(project.errors().contains("is not a regular file"));
}

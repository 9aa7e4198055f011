//! Tests of `lexer`: real shells decide whether a value stays what it is.

use super::*;
use crate::tools::fake::FakeHost;
use crate::tools::process::Command;
use crate::tools::shell::{Script, command};

/// `pattern` with `value` at each `@`.
fn script(pattern: &str, value: &str) -> Result<Script, Refusal> {
    let (mut script, mut lexer) = (Script::default(), Lexer::default());
    for (n, text) in pattern.split('@').enumerate() {
        if n > 0 {
            script.push_value(lexer.value()?, value);
        }
        lexer.text(text);
        script.push_text(text);
    }
    Ok(script)
}

/// Each prints the value once, between brackets.
const PLACES: &[&str] = &[
    "printf '[%s]' @",
    "printf '[%s]' \"@\"",
    "printf '[%s]' '@'",
    "printf '[%s]' \"\"@''",
    "printf %s [@]",
    "printf %s '['\"@\"']'",
    "printf %s \"[$(printf %s @)]\"",
    "printf %s \"[$(printf %s \"@\")]\"",
    "printf %s \"[`printf %s '@'`]\"",
    "x=@; printf '[%s]' \"$x\"",
    "x=$(printf %s \"$(printf %s @)\"); printf '[%s]' \"$x\"",
    "f() { printf '[%s]' \"$1\"; }; f @",
    "(printf '[%s]' @)",
    "if true; then printf '[%s]' @; fi # it's \"fine\"",
    "# a comment: it's\nprintf '[%s]' @",
    "# a comment: @\nprintf '[%s]' '@'",
    "case x in (y) ;; x) printf '[%s]' @ ;; esac",
    "y=$(case x in y) ;; x) printf '[%s]' \"@\" ;; esac); printf %s \"$y\"",
    "printf '[' ; cat <<EOF | tr -d '\\n'; printf ']'\n@\nEOF\n",
    "cat <<-'A' <<B | tr -d '\\n'\n\tignored ' \" `\n\tA\n[@]\nB\n",
    "cat >/dev/null <<E; printf '[%s]' @\nit's \"\nE\n",
    "sh -c 'printf \"[%s]\" \"$1\"' sh @",
    "printf %s \"\\\"\" >/dev/null; printf '[%s]' @",
    "printf %s \\' >/dev/null; printf '[%s]' @",
    "printf '[%s]' a${#}@ | sed 's/a0//'",
    "test @ = '@' && printf '[%s]' @",
    "printf '[%s]' @ 2>/dev/null",
];

/// Values that would do something if a shell read them; each as one line, so that here-documents give them back too.
const VALUES: &[&str] = &[
    "plain",
    "",
    "two  words",
    "4; touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    "\"; touch pwned; \"",
    "'\"'\"; touch pwned #",
    "* ~ ? [a]",
    "${HOME} $HOME \\$HOME",
    "\\",
    "a\\\\'b",
    "EOF",
    "-n",
    ")) ; touch pwned ; ((",
    "# | & < >",
    "é ✓ ${{ x }}",
];

#[tokio::test]
async fn a_value_stays_what_it_is_wherever_it_stands_in_a_script() {
    let folder = tempfile::tempdir().unwrap();
    for pattern in PLACES {
        for value in VALUES {
            let script = script(pattern, value).unwrap_or_else(|refusal| panic!("{pattern}: {}", refusal.message));
            let command = command(&script, &std::sync::Arc::default()).await.unwrap();
            let exit = command.cwd(folder.path()).capture().run(&FakeHost::default()).await.unwrap();
            let printed = String::from_utf8_lossy(&exit.stdout).into_owned();
            assert_eq!(printed, format!("[{value}]"), "{pattern}\n{script:?} {:?}", exit.tail);
            assert!(!folder.path().join("pwned").exists(), "{pattern} runs {value}");
        }
    }
}

#[tokio::test]
async fn a_value_with_the_delimiter_of_its_here_document_does_not_end_it() {
    let folder = tempfile::tempdir().unwrap();
    let script = script("cat <<EOF\na @\nEOF\n", "b\nEOF\ntouch pwned").unwrap();
    let command: Command = command(&script, &std::sync::Arc::default()).await.unwrap();
    let exit = command.cwd(folder.path()).capture().run(&FakeHost::default()).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&exit.stdout), "a b\nEOF\ntouch pwned\n");
    assert!(!folder.path().join("pwned").exists());
}

#[test]
fn where_a_variable_does_not_help_a_value_is_refused() {
    let cases = [
        ("echo $((1 + @))", ARITHMETIC),
        ("echo \"$((1 + (2) + @))\"", ARITHMETIC),
        ("((x = @))", ARITHMETIC),
        ("echo \"$(( $(echo @) ))\"", ARITHMETIC),
        ("echo ${x:-@}", PARAMETER),
        ("echo \"${x[@]}\"", PARAMETER),
        ("[[ @ -eq 1 ]]", BRACKETS),
        ("eval echo '@'", CODE),
        ("trap 'rm @' EXIT", CODE),
        ("declare -i x=@", CODE),
        ("bash -ec 'echo @'", CODE),
        ("kubectl exec pod -- /bin/sh -c \"echo @\"", CODE),
        ("sh -c -- 'echo @'", CODE),
        ("sh -ec -x \"echo @\"", CODE),
        ("bash -c -o pipefail +e 'echo @'", CODE),
        ("$SHELL -c \"echo @\"", CODE),
        ("\"${SHELL}\" -c \"echo @\"", CODE),
        ("xargs -n1 sh -c echo\\ @", CODE),
        ("xargs -n1 sh -c echo'@'", CODE),
        ("sh <<EOF\necho @\nEOF", CODE),
        ("cat <<'EOF'\n@\nEOF", RAW_HERE),
        ("cat <<@\nx", DELIMITER),
        ("echo \\@", ESCAPED),
        ("echo \"\\@\"", ESCAPED),
        ("echo $'@'", C_QUOTED),
    ];
    for (pattern, refusal) in cases {
        assert_eq!(script(pattern, "x"), Err(refusal), "{pattern}");
    }
}

#[test]
fn the_script_of_a_shell_is_found_among_arguments() {
    let cases: [(&[&str], Option<usize>); 9] = [
        (&["sh", "-c", "x", "sh", "y"], Some(2)),
        (&["/bin/bash", "-e", "-uc", "x"], Some(3)),
        (&["kubectl", "exec", "p", "--", "sh", "-c", "x"], Some(6)),
        (&["sh", "-c", "--", "x"], Some(3)),
        (&["bash", "-c", "-o", "pipefail", "-e", "x", "-y"], Some(5)),
        (&["sh", "-c"], Some(2)),
        (&["sh", "script.sh"], None),
        (&["curl", "-c", "x"], None),
        (&["bash", "--rcfile", "x"], None),
    ];
    for (argv, script) in cases {
        assert_eq!(script_argument(argv), script, "{argv:?}");
    }
}

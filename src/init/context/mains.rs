//! [`mains`]: the files and folders that a command line names as what it compiles or starts.

/// Flags of `go build` whose value is a word of its own.
const GO_VALUES: [&str; 8] = ["-o", "-C", "-p", "-mod", "-tags", "-ldflags", "-gcflags", "-asmflags"];

/// Returns what the commands of a line compile or start, as far as it stands there as a relative path: `cmd/x` of
/// `go build ./cmd/x`, `x.py` of `python x.py`. What comes behind a `cd` is somewhere else.
pub(super) fn mains(line: &str) -> Vec<String> {
    let line = line.replace("\\\n", " ");
    let commands = line.split(['&', '|', ';', '\n']).map(|command| {
        let words = command.split_whitespace().map(|word| word.trim_matches(['"', '\'', '(', ')']));
        words.collect::<Vec<_>>()
    });
    let here = commands.take_while(|words| !matches!(words.first(), Some(&("cd" | "pushd"))));
    here.filter_map(|words| main_of(&words)).collect()
}

fn main_of(words: &[&str]) -> Option<String> {
    let at = words.iter().position(|word| matches!(*word, "go" | "python" | "python3" | "node"))?;
    let (program, rest) = (words[at], &words[at + 1..]);
    let is_code = |word: &str, ends: &[&str]| ends.iter().any(|end| word.ends_with(end));
    let named = match program {
        "go" => {
            let (verb, rest) = rest.split_first()?;
            if !matches!(*verb, "build" | "run" | "install") || rest.contains(&"-C") {
                return None;
            }
            let is_value = |at: usize| at > 0 && GO_VALUES.contains(&rest[at - 1]);
            let is_main = |word: &str| word.starts_with("./") || is_code(word, &[".go"]);
            rest.iter().enumerate().find(|(at, word)| !is_value(*at) && is_main(word)).map(|(_, word)| *word)
        }
        // A flag may name what is started instead: `-m`, `-e`.
        "node" => rest.first().copied().filter(|word| is_code(word, &[".js", ".mjs", ".cjs"])),
        _ => rest
            .iter()
            .find(|word| !matches!(**word, "-u" | "-O" | "-B"))
            .copied()
            .filter(|word| is_code(word, &[".py"])),
    };
    let path = named?.trim_start_matches("./").trim_end_matches('/');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    (!path.is_empty() && !path.starts_with('/') && !path.contains("..") && path.chars().all(is_plain))
        .then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_what_it_compiles_or_starts() {
        let cases: [(&str, &[&str]); 14] = [
            ("CGO_ENABLED=0 go build -ldflags='-s -w' -o ./bin/x ./cmd/x", &["cmd/x"]),
            ("go mod download && go build -o /x ./cmd/a/ && go run tools/gen.go", &["cmd/a", "tools/gen.go"]),
            ("go build ./...", &[]),
            ("go test ./cmd/x", &[]),
            ("go build .", &[]),
            ("cd api && go build ./cmd/x", &[]),
            ("go build -C api ./cmd/x", &[]),
            ("python -u server/main.py --port 80", &["server/main.py"]),
            ("python3 manage.py migrate; python3 -m app", &["manage.py"]),
            ("node ./src/server.js", &["src/server.js"]),
            ("node --enable-source-maps /app/server.js", &[]),
            ("node ${MAIN}.js", &[]),
            ("python ../x.py", &[]),
            ("echo x | sh -c 'node x.js'", &["x.js"]),
        ];
        for (line, expected) in cases {
            assert_eq!(mains(line), expected, "{line}");
        }
    }
}

//! The mutants of each format: what changes, and what is left alone.

use super::*;

/// The changes of a file: line, kind, and the line after.
fn shown(name: &str, text: &str) -> Vec<String> {
    let shown = |change: &Change| format!("{} {} {}", change.line, change.kind.name(), change.lines.after);
    changes(Path::new(name), text).iter().map(|change| shown(change).trim_end().to_owned()).collect()
}

/// The text of the change that is shown as `wanted`.
#[track_caller]
fn text_of(name: &str, text: &str, wanted: &str) -> String {
    let all = changes(Path::new(name), text);
    let shown = shown(name, text);
    let at = shown.iter().position(|shown| shown == wanted);
    all[at.unwrap_or_else(|| panic!("no `{wanted}` in {shown:#?}"))].text.clone()
}

#[test]
fn yaml() {
    assert_eq!(
        shown("a.yaml", "# why\nkind: A # b\nspec:\n  replicas: 2\n  on: true\n\n"),
        [
            "0 emptied",
            "2 line-gone",
            "2 comment # kind: A # b",
            "2 later-line kind: 0",
            "3 line-gone",
            "4 line-gone",
            "4 comment # replicas: 2",
            "4 number replicas: 3",
            "4 swap replicas: true (and line 5: on: 2)",
            "4 later-line replicas: 3",
            "5 line-gone",
            "5 comment # on: true",
            "5 word on: false",
            "5 later-line on: false",
        ]
    );
    let text = "a:\n- name: x1\n  port: 80\n- name: y\n  port: 90\nb: |\n  one\n  two: 2\nc: 1\n";
    // An item goes with all its keys, a key with all that is below it, and a block of text line by line.
    assert_eq!(text_of("a.yaml", text, "2 line-gone"), "a:\n- name: y\n  port: 90\nb: |\n  one\n  two: 2\nc: 1\n");
    assert_eq!(text_of("a.yaml", text, "1 line-gone"), "b: |\n  one\n  two: 2\nc: 1\n");
    assert_eq!(text_of("a.yaml", text, "7 line-gone"), text.replace("  one\n", ""));
    assert_eq!(
        text_of("a.yaml", text, "3 swap port: 90 (and line 5: port: 80)"),
        text.replace("80", "x").replace("90", "80").replace('x', "90").replace("901", "x1")
    );
    assert_eq!(
        text_of("a.yaml", text, "2 later-line name: x2"),
        text.replace("- name: x1\n", "- name: x1\n  name: x2\n")
    );
}

#[test]
fn what_can_not_be_read_or_means_the_same_is_left_out() {
    // Without the anchor its alias leads nowhere; with a name of one letter there is no other word.
    let all = shown("a.yaml", "a: &x\n  b: 1\nc: *x\n");
    assert!(!all.contains(&"1 line-gone".into()) && all.contains(&"3 line-gone".into()), "{all:?}");
    assert_eq!(shown("a.yaml", "# only a comment\n"), ["0 emptied"]);
    assert_eq!(shown("a.yaml", ""), [""; 0]);
    assert_eq!(shown("a.yaml", "a: 1\na: 1\n").iter().filter(|shown| shown.contains("line-gone")).count(), 0);
}

#[test]
fn templates() {
    let text = "{{- if .Values.on }}\nkind: A\nspec:\n  n: {{ .Values.web.n }}\n  {{- include \"c\" . | nindent 2 }}\n{{- end }}\n";
    assert_eq!(
        shown("c/templates/a.yaml", text),
        [
            "0 emptied",
            "1 word {{- if not (.Values.on) }}",
            "2 line-gone",
            "2 comment # kind: A",
            "2 later-line kind: 0",
            "3 line-gone",
            "4 line-gone",
            "4 comment # n: {{ .Values.web.n }}",
            "4 word n: {{ .Values.web.nx }}",
            "4 later-line n: 0",
            "5 line-gone",
        ]
    );
    assert_eq!(text_of("c/templates/a.yaml", text, "3 line-gone"), "{{- if .Values.on }}\nkind: A\n{{- end }}\n");
    let helpers = "{{/* Names. */}}\n{{- define \"n\" -}}\n{{ .Values.name }}-web\n{{- end }}\n";
    assert_eq!(
        shown("c/templates/_helpers.tpl", helpers),
        [
            "0 emptied",
            "3 line-gone",
            "3 comment # {{ .Values.name }}-web",
            "3 word {{ .Values.namex }}-web",
            "3 word {{ .Values.name }}-webx",
        ]
    );
    let argument = "{{- $c := dict \"root\" $ \"component\" \"web\" }}\n";
    assert_eq!(
        shown("c/templates/b.yaml", argument),
        ["0 emptied", "1 word {{- $c := dict \"root\" $ \"component\" \"webx\" }}"]
    );
}

#[test]
fn dockerfile() {
    let text =
        "ARG V=3\nFROM node:$V AS a\nUSER x\nFROM node:$V\n# Why.\nENV A=1 \\\n    B=2\nUSER app\nCMD [\"node\"]\n";
    let all = shown("Dockerfile", text);
    for wanted in [
        "1 number ARG V=4",
        "1 later-line ARG V=taken-back",
        "4 later-line FROM scratch",
        "6 line-gone",
        "7 number B=3",
        "8 comment # USER app",
        "8 later-line USER root",
        "9 word CMD [\"nodex\"]",
        "9 later-line CMD [\"sh\"]",
    ] {
        assert!(all.iter().any(|shown| shown == wanted), "{wanted}: {all:#?}");
    }
    // In a stage before the last one, within that stage.
    assert_eq!(text_of("Dockerfile", text, "3 later-line USER root"), text.replace("USER x\n", "USER x\nUSER root\n"));
    assert_eq!(text_of("Dockerfile", text, "6 line-gone"), text.replace("ENV A=1 \\\n    B=2\n", ""));
}

#[test]
fn dockerignore_and_env() {
    assert_eq!(
        shown(".dockerignore", "# x\n*.md\n!README.md\n"),
        [
            "0 emptied",
            "2 line-gone",
            "2 comment # *.md",
            "2 word *.mdx",
            "2 later-line !*.md",
            "3 line-gone",
            "3 comment # !README.md",
            "3 word !READMEx.md",
            "3 word !README.mdx",
            "3 later-line README.md",
            "3 later-line *",
        ]
    );
    assert_eq!(
        shown(".env.example", "A=1\nB=\"x y\"\n"),
        [
            "0 emptied",
            "1 line-gone",
            "1 comment # A=1",
            "1 number A=2",
            "1 swap A=\"x y\" (and line 2: B=1)",
            "1 later-line A=2",
            "2 line-gone",
            "2 comment # B=\"x y\"",
            "2 later-line B=0",
        ]
    );
}

#[test]
fn json() {
    let text = "{\n  \"a\": 1,\n  \"b\": {\n    \"c\": \"dd\",\n    \"e\": [\"f\"]\n  }\n}\n";
    assert_eq!(
        shown("a.json", text),
        [
            "0 emptied",
            "2 line-gone",
            "2 number \"a\": 2,",
            "2 later-line \"a\": 2,",
            "3 line-gone",
            "4 line-gone",
            "4 word \"c\": \"ddx\",",
            "4 swap \"c\": [\"f\"], (and line 5: \"e\": \"dd\")",
            "4 later-line \"c\": \"ddx\",",
            "5 line-gone",
            "5 later-line \"e\": 0",
        ]
    );
    assert_eq!(text_of("a.json", text, "3 line-gone"), "{\n  \"a\": 1\n}\n");
    assert_eq!(text_of("a.json", text, "5 line-gone"), text.replace(",\n    \"e\": [\"f\"]", ""));
}

#[test]
fn markdown() {
    let text = "# Title 1\n\nProse 2 of words, [link](a.md).\n\n| a | bb |\n|---|---|\n| 1 | 2 |\n| see it | a\\|b |\n\n```sh\n# Why.\nrun 3\n```\n";
    assert_eq!(
        shown("a.md", text),
        [
            "0 emptied",
            "1 line-gone",
            "1 comment <!-- # Title 1 -->",
            "1 word # Titlex 1",
            "3 word Prose 2 of words, [link](a.mdx).",
            "5 word | a | bbx |",
            "7 line-gone",
            "7 number | 2 | 2 |",
            "7 number | 1 | 3 |",
            "7 swap | 2 | 1 |",
            "8 line-gone",
            "8 word | seex it | a\\|b |",
            "8 word | see itx | a\\|b |",
            "8 swap | a\\|b | see it |",
            "10 word ```shx",
            "12 line-gone",
            "12 number run 4",
            "12 word runx 3",
        ]
    );
}

#[test]
fn code_and_text() {
    assert_eq!(
        shown("a.js", "/** @type */\nmodule.exports = {\n  // Why.\n  output: \"one\",\n};\n"),
        [
            "0 emptied",
            "2 line-gone",
            "2 comment // module.exports = {",
            "2 word module.exportsx = {",
            "4 line-gone",
            "4 comment // output: \"one\",",
            "4 word outputx: \"one\",",
            "4 word output: \"onex\",",
            "4 later-line output: undefined,",
            "5 line-gone",
            "5 comment // };",
        ]
    );
    assert_eq!(
        shown("a.py", "\"\"\"What it\nis 1.\"\"\"\n# Why.\nport = 80\n"),
        [
            "0 emptied",
            "4 line-gone",
            "4 comment # port = 80",
            "4 number port = 81",
            "4 word portx = 80",
            "4 later-line port = None",
        ]
    );
    assert_eq!(
        shown("NOTES.txt", "Open {{ .Values.host }} 2\n"),
        ["0 emptied", "1 line-gone", "1 number Open {{ .Values.host }} 3", "1 word Openx {{ .Values.host }} 2"]
    );
}

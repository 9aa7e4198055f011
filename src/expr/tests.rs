//! What assertions say of a document, word by word.

use serde_json::json;

use super::*;

fn document() -> Tree {
    let mut root = Tree::from(json!({
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app.kubernetes.io/name": "web", "tier": "front"}},
        "spec": {
            "replicas": 2,
            "paused": false,
            "template": {"spec": {"containers": [
                {"name": "web", "image": "todo-web:1.4", "imagePullPolicy": "Never",
                 "ports": [{"containerPort": 3000}],
                 "resources": {"limits": {"cpu": "500m", "memory": "512Mi"}, "requests": {"cpu": "250m"}},
                 "env": [{"name": "A", "value": "x"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s"}}}]},
                {"name": "side", "image": "busybox", "imagePullPolicy": "Always", "ports": [], "env": []},
            ]}},
        },
        "port": "8000",
        "server": "v1.28.3",
        "nothing": null,
    }));
    if let Some(replicas) = root.get_mut("spec").and_then(|spec| spec.get_mut("replicas")) {
        replicas.line = Some(9);
    }
    root
}

fn said(text: &str) -> Vec<String> {
    let root = document();
    let given = Tree::from(json!({"image": "busybox"}));
    let subject = Subject { root: &root, given: Some(&given), extras: &[], functions: &[] };
    let assertion = Assertion::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let shown = |complaint: Complaint| match complaint.line {
        Some(line) => format!("{line}: {}", complaint.text),
        None => complaint.text,
    };
    assertion.check(&subject).into_iter().map(shown).collect()
}

#[test]
fn what_holds_is_not_complained_about() {
    for text in [
        "kind == 'Deployment'",
        "spec.replicas == 2 and spec.replicas == 2.0",
        "1 < spec.replicas <= 2",
        "all((spec.template.spec.containers | first).env, name in ['A', 'B'])",
        "any((spec.template.spec.containers | first).env, valueFrom is defined and kind == 'Deployment')",
        "spec.replicas in [2, 3]",
        "kind not in ['Pod', 'Job']",
        "metadata.labels['app.kubernetes.io/name'] == metadata.name",
        "doc.kind == kind",
        "not spec.paused",
        "nothing == none",
        "spec.template.spec.containers[0].image == 'todo-web:1.4'",
        "spec.template.spec.containers[-1].name == 'side'",
        "any(spec.template.spec.containers, image == given.image)",
        "all(spec.template.spec.containers, len(it.name) > 2)",
        "count(spec.template.spec.containers, imagePullPolicy == 'Never') == 1",
        "len(where(spec.template.spec.containers, name == 'web')) == 1",
        "where(spec.template.spec.containers, name == 'web')[0].image == 'todo-web:1.4'",
        "each(spec.template.spec.containers, name) == ['web', 'side']",
        "each(spec.template.spec.containers, name) | join(',') == 'web,side'",
        "named(spec.template.spec.containers, 'side').image == 'busybox'",
        "any(named(spec.template.spec.containers, 'web').env, valueFrom.secretKeyRef.name == 's')",
        "any(spec.template.spec.containers, any(ports, containerPort == 3000))",
        "quantity(spec.template.spec.containers[0].resources.limits.cpu) == quantity('0.5')",
        "quantity(spec.template.spec.containers[0].resources.limits.memory) <= quantity('1Gi')",
        "version(server) > version('1.9')",
        "satisfies(server, '>=1.27, <2')",
        "startswith(kind, 'Dep') and endswith(kind, 'ment') and contains(kind, 'ploy')",
        r"matches(spec.template.spec.containers[0].image, '^todo-web:\d+\.\d+$')",
        "contains(metadata.labels, 'tier') and 'tier' in metadata.labels",
        "spec.strategy is undefined and spec.replicas is defined",
        "default(spec.strategy.type, 'RollingUpdate') == 'RollingUpdate'",
        "(spec.minReadySeconds | default(0)) == 0",
        "(kind | lower) == 'deployment'",
        "'x' == kind or spec.replicas == 2",
        "('a' if spec.paused else 'b') == 'b'",
        "spec.replicas * 2 + 1 == 5",
        "kind ~ '/' ~ metadata.name == 'Deployment/web'",
    ] {
        assert_eq!(said(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn what_does_not_hold_is_named_with_both_sides() {
    for (text, complaint) in [
        ("kind == 'Pod'", "`kind` is 'Deployment', expected 'Pod'"),
        ("'Pod' == kind", "`kind` is 'Deployment', expected 'Pod'"),
        ("spec.replicas == 3", "9: `spec.replicas` is 2, expected 3"),
        ("spec.replicas != 2", "9: `spec.replicas` is 2, which it must not be"),
        ("not spec.replicas == 2", "9: `spec.replicas` is 2, which it must not be"),
        ("spec.replicas > 2", "9: `spec.replicas` is 2, expected more than 2"),
        ("3 <= spec.replicas", "9: `spec.replicas` is 2, expected at least 3"),
        ("port == 8000", "`port` is '8000' (a string), expected 8000"),
        ("spec.replicas in [3, 4]", "9: `spec.replicas` is 2, expected one of [3, 4]"),
        (
            "'x' in each(spec.template.spec.containers, name)",
            "`each(spec.template.spec.containers, name)` is ['web', 'side'], which does not have 'x'",
        ),
        ("kind == metadata.name", "`kind` is 'Deployment', expected 'web' (`metadata.name`)"),
        ("kind == 'Deployment' and spec.replicas == 3", "9: `spec.replicas` is 2, expected 3"),
        (
            "kind == 'Pod' or spec.replicas == 3",
            "`kind` is 'Deployment', expected 'Pod'; and `spec.replicas` is 2, expected 3",
        ),
        ("spec.paused", "`spec.paused` is false, expected true"),
        ("spec.strategy is defined", "`spec.strategy` is not there"),
        ("spec.replicas is undefined", "9: `spec.replicas` is 2, and should not be there"),
        (
            "all(spec.template.spec.containers, imagePullPolicy == 'Never')",
            "`spec.template.spec.containers[1].imagePullPolicy` is 'Always', expected 'Never'",
        ),
        (
            "all(spec.template.spec.containers[1].ports, containerPort == 1)",
            "`spec.template.spec.containers[1].ports` is empty: nothing in it shows that `containerPort == 1`",
        ),
        (
            "any(spec.template.spec.containers, name == 'db')",
            "nothing in `spec.template.spec.containers`, of 2 items, has `name == 'db'`: \
             `spec.template.spec.containers[0].name` is 'web', expected 'db'; \
             `spec.template.spec.containers[1].name` is 'side', expected 'db'",
        ),
        (
            "not any(spec.template.spec.containers, image == 'busybox')",
            "`spec.template.spec.containers[1]` has `image == 'busybox'`, which nothing in \
             `spec.template.spec.containers` may have",
        ),
        ("contains(kind, 'x')", "`kind` is 'Deployment', which does not contain 'x'"),
        ("not startswith(kind, 'D')", "`kind` is 'Deployment', which starts with 'D'"),
        ("len(metadata.labels) == 3", "`len(metadata.labels)` is 2, expected 3"),
        (
            "quantity(spec.template.spec.containers[0].resources.limits.cpu) <= quantity('250m')",
            "`quantity(spec.template.spec.containers[0].resources.limits.cpu)` is 500m, expected at most 250m",
        ),
        ("satisfies(server, '^2')", "`server` is 'v1.28.3', which does not satisfy '^2'"),
    ] {
        assert_eq!(said(text), [complaint], "{text}");
    }
}

#[test]
fn what_is_not_there_is_named_with_what_is_near() {
    for (text, complaint) in [
        ("spec.replica == 2", "`spec.replica` is not there; did you mean `replicas`?"),
        ("knd == 'x'", "`knd` is not there; did you mean `kind`?"),
        ("spec.replicas.x == 2", "9: `spec.replicas` is 2 and has no `x`"),
        (
            "spec.template.spec.containers[2].image == 'x'",
            "`spec.template.spec.containers[2]` is not there: `spec.template.spec.containers` has 2 items",
        ),
        ("metadata.labels['teir'] == 'x'", "`metadata.labels.teir` is not there; did you mean `tier`?"),
        (
            "all(spec.template.spec.containers, imagePulPolicy == 'Never')",
            "`spec.template.spec.containers[0].imagePulPolicy` is not there; did you mean `imagePullPolicy`?",
        ),
        ("not any(spec.template.spec.containers, img == 'x')", "`spec.template.spec.containers[0].img` is not there"),
        (
            "named(spec.template.spec.containers, 'wbe').image == 'x'",
            "`spec.template.spec.containers` has nothing with the name 'wbe'; did you mean `web`?",
        ),
    ] {
        assert_eq!(said(text).first().map(String::as_str), Some(complaint), "{text}");
    }
}

#[test]
fn what_can_not_be_decided_is_no_success() {
    for (text, complaint) in [
        ("spec.replicas", "9: `spec.replicas` is 2: compare it, a condition is true or false"),
        ("spec.replicas < '3'", "9: 2 (a number) and '3' (a string) have no order"),
        ("not spec.replicas < '3'", "9: 2 (a number) and '3' (a string) have no order"),
        (
            "quantity(spec.replicas) < 2",
            "9: 2 (a quantity or a version) and 2 (a number) can't be compared: write `quantity(…)` or `version(…)` on both sides",
        ),
        ("any(kind, it == 'x')", "`kind` is 'Deployment', not a list"),
        ("kind in spec.replicas", "9: 2 is no list, table or string that could have 'Deployment'"),
        ("matches(spec.replicas, 'x')", "9: 2 is not a string, which `matches` needs"),
        ("quantity(kind) < quantity('1')", "'Deployment' is not a quantity, which `quantity` needs"),
        ("ignores('x')", "only a `.dockerignore` has the function `ignores`"),
    ] {
        assert_eq!(said(text), [complaint], "{text}");
    }
}

#[test]
fn what_is_no_assertion_is_refused() {
    for (text, part, message) in [
        ("", "", "the assertion is empty"),
        ("'x' == 'x'", "'x' == 'x'", "this says nothing about the document"),
        ("true", "true", "this says nothing about the document"),
        ("a | uper == 'X'", "uper", "unknown filter `uper`"),
        ("a is deffined", "deffined", "unknown test `deffined`"),
        ("lenght(a) == 1", "lenght", "unknown function `lenght`"),
        ("len(a, b) == 1", "len", "`len` needs one argument, not 2"),
        ("any(a)", "any", "`any` needs 2 arguments, not 1"),
        ("matches(a, '(')", "matches", "`(` is not a regular expression: unclosed group"),
        ("quantity(a) < quantity('1x')", "quantity", "`1x` is not a quantity"),
        ("a.contains('b')", ".contains('b')", "only a function can be called"),
    ] {
        let error = Assertion::parse(text).map(|_| ()).unwrap_err();
        assert_eq!((error.message.as_str(), &text[error.at.clone()]), (message, part), "{text}");
    }
    let error = Assertion::parse("spec.replicas = 2").unwrap_err();
    assert_eq!(error.help.as_deref(), Some("values are compared with `==`"), "{error:?}");
    assert_eq!(Assertion::parse("a | uper == 'X'").unwrap_err().help.as_deref(), Some("did you mean `upper`?"));
}

#[test]
fn what_must_not_be_shown_is_not_shown() {
    let mut root = Tree::from(json!({"data": {"KEY": "hunter22"}}));
    root.hide();
    let subject = Subject { root: &root, given: None, extras: &[], functions: &[] };
    for text in [
        "data.KEY == 'x'",
        "(data.KEY | upper) == 'X'",
        "data == 1",
        "startswith(data.KEY, 'x')",
        "len(data.KEY) == 1",
        "each([data.KEY], it) == []",
        "data.KEY in ['a']",
        "any([data.KEY], it == 'x')",
        "data.KEY.x == 1",
        "data.KEY < 1",
    ] {
        let complaints = Assertion::parse(text).unwrap().check(&subject);
        let said = complaints.iter().map(|complaint| complaint.text.to_lowercase()).collect::<String>();
        assert!(!said.is_empty() && !said.contains("hunter22"), "{text}: {said}");
    }
    assert_eq!(Assertion::parse("len(data.KEY) == 8").unwrap().check(&subject), []);
}

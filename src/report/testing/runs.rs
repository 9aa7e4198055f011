//! Example runs and an example checklist.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use crate::error::{ErrorObject, Failure, ids};
use crate::event::{Event, EventKind, StepFinished};
use crate::fingerprint::{Inputs, StaleReason};
use crate::model::{
    Attempt, Checklist, Evidence, Item, ItemId, ItemPlace, NearItem, Outcome, Outline, Output, Progress, ProofKind,
    RunId, StageId, StageOutline, StepId, StepOutline, StepProof, Verdict, Waiver,
};
use crate::report::checklist::ChecklistReport;
use crate::report::diff::{Diff, KnownRun};
use crate::report::style::Theme;
use crate::report::testing::script::{Script, Stage, finished, step};
use crate::report::timeline::{Timeline, TimelineStep};

const STAGES: [Stage<'static>; 3] = [
    ("prereq", "Prerequisites", &[("docker", "docker"), ("minikube", "minikube")]),
    ("build", "Build the images", &[("backend", "Build the backend"), ("frontend", "Build the frontend")]),
    ("deploy", "Deploy", &[("chart", "Install the chart"), ("ready", "Wait for the pods")]),
];

/// A run with one step of each kind: fresh, succeeded, retried and failed, blocked.
pub(crate) fn failing() -> Vec<Event> {
    let mut run = Script::new(&STAGES);
    run.stage("prereq").check("prereq.docker").at(40).fresh("prereq.docker");
    run.check("prereq.minikube").start("prereq.minikube", StaleReason::NeverRun);
    run.at(1240).end("prereq.minikube", Outcome::Succeeded, 1200);
    run.stage_end("prereq", Outcome::Succeeded, 1240);
    run.stage("build").check("build.backend").check("build.frontend").at(1500);
    run.start("build.backend", StaleReason::InputsChanged(vec!["context".into()]));
    run.start("build.frontend", StaleReason::NeverRun).at(2000);
    run.progress("build.backend", Progress::bytes(42_000_000, Some(87_400_000), "sending the context"));
    run.line("build.frontend", "\x1b[32madded\x1b[0m 1203 packages\r\n").at(4000);
    run.push(EventKind::StepRetrying {
        step: step("build.frontend"),
        attempt: 1,
        attempts: 2,
        delay: Duration::from_secs(5),
        reason: "registry.test.here: connection reset".into(),
        error: Box::new(Failure::failed("registry.test.here: connection reset").object(Some("build.frontend"))),
    });
    run.at(9000).start("build.frontend", StaleReason::NeverRun);
    run.at(9600).progress("build.backend", Progress::items(7, Some(12), "RUN pip install"));
    run.line("build.backend", "Collecting fastapi").at(14_300);
    run.finish(StepFinished {
        output: Output::new().with("image", "todo-backend:3f9a").with("size", "187 MB"),
        log: Some(".provision/logs/20261121-113512-4f2a/build.backend.log".into()),
        ..finished("build.backend", Outcome::Succeeded, 12_800)
    });
    run.at(65_000).line("build.frontend", "npm ERR! code ECONNRESET");
    run.finish(StepFinished {
        failure: Some(
            Failure::failed("the image could not be built")
                .cause("`npm ci` exited with 1")
                .details(["npm ERR! code ECONNRESET".into(), "npm ERR! \x1b[2Jnetwork".into()])
                .hint("`provision logs build.frontend` shows all of it"),
        ),
        log: Some(".provision/logs/20261121-113512-4f2a/build.frontend.log".into()),
        ..finished("build.frontend", Outcome::Failed, 63_500)
    });
    run.stage_end("build", Outcome::Failed, 63_760);
    for id in ["deploy.chart", "deploy.ready"] {
        run.finish(StepFinished {
            note: Some("needs build.frontend, which failed".into()),
            ..finished(id, Outcome::Blocked, 0)
        });
    }
    run.stage_end("deploy", Outcome::Blocked, 0);
    run.run_end(Outcome::Failed, &[("prereq.minikube", 1200), ("build.frontend", 63_500)]);
    run.events
}

/// A run with nothing to do.
pub(crate) fn all_fresh() -> Vec<Event> {
    let mut run = Script::new(&STAGES);
    for (stage, _, steps) in STAGES {
        run.stage(stage);
        for (name, _) in steps {
            let id = format!("{stage}.{name}");
            run.check(&id).fresh(&id);
        }
        run.stage_end(stage, Outcome::Fresh, 40);
    }
    run.at(240).run_end(Outcome::Succeeded, &[]);
    run.events
}

/// A run that succeeds.
pub(crate) fn succeeding() -> Vec<Event> {
    let mut run = Script::new(&STAGES[1..2]);
    run.stage("build").check("build.backend").check("build.frontend").fresh("build.frontend");
    run.start("build.backend", StaleReason::Forced).at(8100);
    run.finish(StepFinished {
        note: Some("the context changed while it was built".into()),
        ..finished("build.backend", Outcome::Succeeded, 8000)
    });
    run.stage_end("build", Outcome::Succeeded, 8100);
    run.run_end(Outcome::Succeeded, &[("build.backend", 8000)]);
    run.events
}

/// A run that is interrupted by Ctrl-C.
pub(crate) fn interrupted() -> Vec<Event> {
    let mut run = Script::new(&STAGES[1..]);
    run.stage("build").check("build.backend").start("build.backend", StaleReason::NeverRun);
    run.check("build.frontend").fresh("build.frontend").at(3000);
    for (ms, kill) in [(3000, false), (3500, true)] {
        run.at(ms).push(EventKind::RunInterrupted { signal: "SIGINT", kill });
    }
    run.finish(StepFinished {
        failure: Some(Failure::interrupted("build.backend")),
        ..finished("build.backend", Outcome::Interrupted, 3500)
    });
    run.stage_end("build", Outcome::Interrupted, 3500);
    for id in ["deploy.chart", "deploy.ready"] {
        run.end(id, Outcome::Interrupted, 0);
    }
    run.stage_end("deploy", Outcome::Interrupted, 0);
    run.run_end(Outcome::Interrupted, &[("build.backend", 3500)]);
    run.events
}

/// A checklist with an item of each verdict but `dropped`, and one that no step covers.
pub(crate) fn checklist() -> Checklist {
    let proofs = [
        ("build.backend", Outcome::Succeeded, None),
        ("deploy.helm", Outcome::Fallback, None),
        ("deploy.pods", Outcome::Succeeded, Some("1 of 2 pods of `todo` is ready")),
        ("verify.http", Outcome::Failed, None),
        ("verify.ran", Outcome::Succeeded, None),
        ("verify.said", Outcome::Succeeded, None),
        ("verify.again", Outcome::Succeeded, None),
    ];
    let outline = outline(&[
        ("build.backend", &["T015"]),
        ("deploy.helm", &["T032"]),
        ("deploy.pods", &["T033"]),
        ("verify.http", &["T050"]),
        ("verify.load", &["T050", "T051"]),
        ("verify.ran", &["T053"]),
        ("verify.said", &["T054"]),
        ("verify.again", &["T055"]),
    ]);
    let items: Vec<Item> = [
        ("T015", "Phase 1: `Images`", "Build the backend", true),
        ("T032", "Phase 2: Deploy", "Deploy with Helm", false),
        ("T033", "Phase 2: Deploy", "All pods are Ready", true),
        ("T050", "Phase 3: Verify", "The chat answers", false),
        ("T051", "Phase 3: Verify", "It bears load", false),
        ("T052", "Phase 3: Verify", "Write the docs", false),
        ("T053", "Phase 3: Verify", "Warm the cache", false),
        ("T054", "Phase 3: Verify", "Read the advice", false),
        ("T055", "Phase 3: Verify", "Pull the images", false),
        ("T056", "Phase 4: Later", "Add the dashboard", false),
        ("T057", "Phase 4: Later", "Add the metrics", false),
    ]
    .into_iter()
    .map(|(id, phase, text, ticked)| Item {
        id: ItemId::new(id).unwrap(),
        phase: phase.into(),
        text: text.into(),
        ticked,
        has_id: true,
        dropped: false,
        must: id == "T050",
        place: ItemPlace { file: "tasks.md".into(), line: 1 },
    })
    .collect();
    let proofs: BTreeMap<_, _> = proofs
        .into_iter()
        .map(|(id, outcome, stale): (_, _, Option<&str>)| {
            let evidence = Evidence {
                step: step(id),
                outcome,
                run: RunId::new("20261121-113512-4f2a").unwrap(),
                finished_ms: 1_795_260_912_345,
                duration_ms: 8123,
                log: Some(format!(".provision/logs/20261121-113512-4f2a/{id}.log")),
                output: match id {
                    "verify.said" => Output::new().with("by", "ana").with("text", "the advice was read"),
                    _ => Output::new().with("image", "todo`backend:3f"),
                },
                commit: (id == "build.backend").then(|| "c32c64d".to_owned()),
                kind: match id {
                    "verify.ran" => ProofKind::Ran,
                    "verify.said" => ProofKind::Confirmed,
                    _ => ProofKind::Probe,
                },
                proven_by: (outcome == Outcome::Fallback).then(|| step("deploy.manifests")),
                attempts: if id == "verify.again" { attempts() } else { Vec::new() },
                stale: stale.map(str::to_owned),
            };
            (step(id), StepProof { is_fallback: false, evidence, changed_items: BTreeMap::new() })
        })
        .collect();
    Checklist::judge(&items, &outline, &proofs).waived(&waivers(), NOW)
}

/// The attempts that failed before `verify.again` succeeded.
fn attempts() -> Vec<Attempt> {
    let failed = |at_ms, message: &str| Attempt { at_ms, duration_ms: 1500, message: message.to_owned() };
    vec![failed(NOW - 30_000, "the registry is busy"), failed(NOW - 20_000, "connection reset\nby <peer>")]
}

/// A waiver that holds, and one that has expired.
fn waivers() -> BTreeMap<ItemId, Waiver> {
    let waiver = |reason: &str, expires: &str, ends_ms, line| Waiver {
        owner: "ana@example.org".into(),
        reason: reason.to_owned(),
        expires: expires.to_owned(),
        ends_ms,
        place: ItemPlace { file: "waivers.toml".into(), line },
    };
    BTreeMap::from([
        (ItemId::new("T056").unwrap(), waiver("no image for <arm64>", "2026-12-31", NOW + 1, 1)),
        (ItemId::new("T057").unwrap(), waiver("waits for #12", "2026-11-20", NOW, 6)),
    ])
}

/// A line that looks like an item and is none.
pub(crate) fn near() -> NearItem {
    NearItem { place: ItemPlace { file: "tasks.md".into(), line: 9 }, problem: "its box is empty: write `[ ]`".into() }
}

fn outline(steps: &[(&str, &[&str])]) -> Outline {
    let steps = steps
        .iter()
        .map(|(id, covers)| StepOutline {
            id: step(id),
            title: "".into(),
            action: "",
            covers: covers.iter().map(|item| ItemId::new(item).unwrap()).collect(),
            optional: false,
        })
        .collect();
    Outline {
        name: "todo-chatbot".into(),
        stages: vec![StageOutline { id: StageId::new("all").unwrap(), title: String::new(), steps }],
    }
}

pub(crate) const NOW: i64 = 1_795_261_000_000;

/// Why `verify.http` failed.
pub(crate) fn server_error() -> ErrorObject {
    Failure::of(ids::HTTP_FAILED, "the server said 500,\nnot 200")
        .cause("the database is not there")
        .details(["GET /api?a=1&b=2".into(), "<h1>\x1b[31mno \"db\"</h1>]]>\x1b[2J".into()])
        .hint("`provision logs deploy.database` shows why")
        .object(Some("verify.http"))
}

/// A report of the example checklist, after a run with one step that failed.
pub(crate) fn report() -> ChecklistReport<'static> {
    static CHECKLIST: LazyLock<Checklist> = LazyLock::new(checklist);
    static STEPS: LazyLock<[StepId; 2]> = LazyLock::new(|| [step("build.backend"), step("verify.http")]);
    let steps = [("Build the backend", Outcome::Succeeded, None), ("", Outcome::Failed, Some("the server said 500"))];
    let steps = steps.into_iter().zip(&*STEPS).enumerate().map(|(n, ((title, outcome, message), id))| TimelineStep {
        id,
        title: title.into(),
        outcome,
        finished_ms: NOW - 60_000 + 8123 + i64::try_from(n).unwrap() * 4000,
        duration_ms: 8123,
        message,
    });
    ChecklistReport {
        pipeline: "todo-chatbot",
        checklist: &CHECKLIST,
        generated_ms: NOW,
        theme: Theme { color: false, unicode: true },
        timeline: Some(Timeline {
            run: "20261121-113512-4f2a",
            command: "provision up",
            commit: Some("c32c64d"),
            outcome: Some(Outcome::Failed),
            began_ms: NOW - 60_000,
            steps: steps.collect(),
        }),
        error: &|evidence| (evidence.outcome == Outcome::Failed).then(server_error),
        log: &|path| path.ends_with("backend.log").then(|| "Collecting fastapi\n<done> & over\n".to_owned()),
    }
}

/// Passes on the changes between two runs of the example: one item has got another verdict, one other evidence, one
/// failed otherwise, and one was proven again.
pub(crate) fn with_changes(check: impl FnOnce(&Diff<'_>)) {
    static EMPTY: BTreeMap<StepId, Inputs> = BTreeMap::new();
    let again = ErrorObject { message: "the server said 404".into(), ..server_error() };
    let was = Failure::failed("the image could not be built").detail("```").object(Some("build.backend"));
    let then = BTreeMap::from([(step("build.backend"), was), (step("verify.http"), again)]);
    let now = BTreeMap::from([(step("verify.http"), server_error())]);
    let after = checklist();
    let mut before = after.clone();
    let at = |id: &str| after.items.iter().position(|status| status.item.id.as_str() == id).unwrap();
    let earlier = RunId::new("20261120-080000-0001").unwrap();
    let failed = &mut before.items[at("T015")];
    failed.verdict = Verdict::Failed;
    failed.evidence[0].outcome = Outcome::Failed;
    failed.evidence[0].output = Output::new().with("exit", "1");
    before.items[at("T055")].evidence[0].attempts.pop();
    before.items[at("T053")].evidence[0].run = earlier;
    let known = |run, outcome, checklist, errors| KnownRun {
        run,
        began_ms: NOW - 86_400_000,
        command: "provision up",
        commit: Some("c32c64d"),
        outcome,
        checklist,
        inputs: &EMPTY,
        errors,
    };
    let (from, to) = ("20261120-080000-0001", "20261121-113512-4f2a");
    let diff = Diff::between(
        "todo-chatbot",
        known(from, Some(Outcome::Failed), &before, &then),
        known(to, None, &after, &now),
    );
    check(&diff);
}

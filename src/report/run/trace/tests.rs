//! What a profile has of a run, and whether it is one that can be shown.

use super::*;
use crate::fingerprint::StaleReason;
use crate::report::testing::runs::{failing, interrupted};
use crate::report::testing::script::{Script, step, written};

fn traced(events: &[Event], needs: Needs) -> Value {
    serde_json::from_str(&written(events, |out| Trace::new(out, needs))).unwrap()
}

/// The slices of a profile as `group/track name from-to`, in milliseconds.
fn slices(profile: &Value) -> Vec<String> {
    let events = profile["traceEvents"].as_array().unwrap();
    let ms = |value: &Value| value.as_u64().unwrap() / 1000;
    let slices = events.iter().filter(|event| event["ph"] == "X").map(|event| {
        let (from, took) = (ms(&event["ts"]), ms(&event["dur"]));
        format!("{}/{} {} {from}-{}", event["pid"], event["tid"], event["name"].as_str().unwrap(), from + took)
    });
    slices.collect()
}

/// What both programs that show profiles ask of one: known phases, integers, and that what is on one track lies
/// within each other or apart.
fn assert_well_formed(profile: &Value) {
    assert_eq!(profile["displayTimeUnit"], "ms");
    let mut open: HashMap<(u64, u64), Vec<(u64, u64)>> = HashMap::new();
    let mut named = Vec::new();
    for event in profile["traceEvents"].as_array().unwrap() {
        let number = |key: &str| event[key].as_u64().unwrap_or_else(|| panic!("{key} of {event}"));
        let place = (number("pid"), number("tid"));
        match event["ph"].as_str().unwrap() {
            "M" if event["name"] == "thread_name" => named.push(place),
            "M" => assert!(event["args"].is_object(), "{event}"),
            "i" => assert_eq!(event["s"], "g"),
            "X" => {
                assert!(named.contains(&place), "{event}");
                let (from, to) = (number("ts"), number("ts") + number("dur"));
                let around = open.entry(place).or_default();
                while around.last().is_some_and(|(_, end)| *end <= from && (from, to) != (*end, *end)) {
                    around.pop();
                }
                assert!(around.last().is_none_or(|(start, end)| *start <= from && to <= *end), "{event}");
                around.push((from, to));
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_failed_run_has_its_stages_steps_checks_attempts_and_pauses() {
    let profile = traced(&failing(), Needs::default());
    assert_well_formed(&profile);
    assert_eq!(
        slices(&profile),
        [
            "1/1 20261121-113512-4f2a 0-65000",
            "2/1 prereq 0-1240",
            "2/1 build 1240-65000",
            "3/1 prereq.docker 0-40",
            "3/1 check 0-40",
            "3/1 prereq.minikube 40-1240",
            "3/1 run 40-1240",
            "3/1 build.backend 1240-14300",
            "3/1 check 1240-1500",
            "3/1 run 1500-14300",
            "3/2 build.frontend 1240-65000",
            "3/2 check 1240-1500",
            "3/2 run 1500-4000",
            "3/2 pause 4000-9000",
            "3/2 attempt 2 9000-65000",
        ]
    );
    let events = profile["traceEvents"].as_array().unwrap();
    let failed = events.iter().find(|event| event["name"] == "build.frontend").unwrap();
    assert_eq!(failed["args"]["outcome"], "failed");
    assert_eq!(failed["args"]["error"], "the image could not be built: `npm ci` exited with 1");
    assert_eq!(profile["otherData"]["pipeline"], "todo-chatbot");
}

#[test]
fn a_run_that_was_stopped_has_the_signals_and_what_it_had_begun() {
    let events = interrupted();
    assert_well_formed(&traced(&events, Needs::default()));
    // Also of a run that could not say how it ended.
    let profile = traced(&events[..4], Needs::default());
    assert_well_formed(&profile);
    let all = profile["traceEvents"].as_array().unwrap();
    assert!(all.iter().any(|event| event["args"]["outcome"] == "unfinished"), "{profile}");
    let profile = traced(&events, Needs::default());
    let moments = profile["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == "i");
    assert_eq!(moments.map(|event| event["name"].as_str().unwrap()).collect::<Vec<_>>(), ["SIGINT", "SIGINT"]);
}

#[test]
fn a_step_that_could_have_begun_earlier_has_waited_for_a_slot() {
    let mut run = Script::new(&[("a", "A", &[("x", ""), ("y", ""), ("z", "")]), ("b", "B", &[("late", "")])]);
    run.stage("a").check("a.x").start("a.x", StaleReason::NeverRun).at(1000).end("a.x", Outcome::Succeeded, 1000);
    run.check("a.y").start("a.y", StaleReason::NeverRun).at(3000).end("a.y", Outcome::Succeeded, 2000);
    run.check("a.z").at(3050).fresh("a.z").stage_end("a", Outcome::Succeeded, 3050);
    run.at(3051).stage("b").check("b.late").at(3100).fresh("b.late").stage_end("b", Outcome::Fresh, 49);
    run.at(3400).run_end(Outcome::Succeeded, &[]);
    let of = |needs: &[(&str, &[&str])]| {
        let steps = needs.iter().map(|(id, needs)| (step(id), needs.iter().map(|id| step(id)).collect()));
        let stages = HashMap::from([("b".to_owned(), vec![StageId::new("a").unwrap()])]);
        Needs { of_steps: steps.collect(), of_stages: stages }
    };
    let profile = traced(&run.events, of(&[("a.x", &[]), ("a.y", &[]), ("a.z", &["a.x"]), ("b.late", &[])]));
    assert_well_formed(&profile);
    let shown = slices(&profile);
    let waits: Vec<&str> =
        shown.iter().map(String::as_str).filter(|slice| slice.contains("waits for a slot")).collect();
    assert_eq!(waits, ["4/1 a.y waits for a slot 0-1000", "4/1 a.z waits for a slot 1000-3000"]);
    assert!(shown.contains(&"1/1 end: last look, records 3100-3400".to_owned()), "{shown:?}");
    // What a step waits for that is not in the pipeline's needs is none of this.
    let unknown = traced(&run.events, of(&[]));
    assert!(!slices(&unknown).iter().any(|slice| slice.contains("waits")));
}

#[test]
fn a_question_is_a_part_of_its_step_and_a_pause_that_was_cut_short_ends_there() {
    let mut run = Script::new(&[("a", "A", &[("x", ""), ("y", "")])]);
    run.check("a.x").start("a.x", StaleReason::NeverRun).at(100);
    run.push(EventKind::StepAsking { step: step("a.x"), question: "go on?".into() }).at(700);
    run.push(EventKind::StepAnswered { step: step("a.x") }).at(800).end("a.x", Outcome::Succeeded, 800);
    run.start("a.y", StaleReason::NeverRun).at(900);
    let (reason, error) = ("no".to_owned(), Box::default());
    let delay = Duration::from_secs(60);
    run.push(EventKind::StepRetrying { step: step("a.y"), attempt: 1, attempts: 2, delay, reason, error }).at(950);
    run.end("a.y", Outcome::Interrupted, 150);
    let profile = traced(&run.events, Needs::default());
    assert_well_formed(&profile);
    let shown = slices(&profile);
    assert!(shown.contains(&"3/1 waits for an answer 100-700".to_owned()), "{shown:?}");
    assert!(shown.contains(&"3/1 pause 900-950".to_owned()) && !shown.iter().any(|of| of.contains("attempt 2")));
}

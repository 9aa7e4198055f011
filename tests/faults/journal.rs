//! The journal's file as another program, another version or a bad disk left it: F05 to F09, F15 to F17.

use std::os::unix::fs::symlink;

use crate::model::Model;
use crate::sandbox::{Sandbox, steps};

fn two() -> Sandbox {
    Sandbox::new(&steps(&[("a", "echo a >> world", ""), ("b", "echo b >> world", "needs = [\"a\"]")]))
}

const JOURNAL: &str = ".provision/journal.jsonl";

#[test]
fn f05_a_tail_cut_at_any_byte_is_dropped_and_told() {
    let model = Model::six();
    model.sandbox.run(&["up"]).code(0);
    let path = model.sandbox.path(JOURNAL);
    let whole = fs_err::read(&path).unwrap();
    let world = fs_err::read(model.sandbox.path("world")).unwrap();
    let ends: Vec<usize> = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    let third_last = ends[ends.len() - 4];
    // Some here; `journal::tests` cuts at each.
    for cut in (third_last..whole.len()).step_by(13) {
        fs_err::write(&path, &whole[..cut]).unwrap();
        fs_err::write(model.sandbox.path("world"), &world).unwrap();
        let torn = !ends.contains(&cut);
        let shown = model.sandbox.run(&["up"]).code(0);
        let told = shown.stdout.matches("was cut off and is dropped").count();
        assert_eq!(told, usize::from(torn), "cut at {cut}: {}", shown.stdout);
        let again = model.sandbox.world().len();
        assert!(again <= 7, "one step at the most ran again: {again} effects after a cut at {cut}");
    }
}

#[test]
fn f06_damage_in_the_middle_is_set_aside_told_and_refused_where_that_is_asked_for() {
    let sandbox = two();
    sandbox.run(&["up"]).code(0);
    let good = fs_err::read_to_string(sandbox.path(JOURNAL)).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let swapped = [&[lines[0], lines[2], lines[1]], &lines[3..]].concat().join("\n") + "\n";
    let doubled = [&lines[..2], &lines[1..]].concat().join("\n") + "\n";
    let flipped = good.replacen("succeeded", "succeedee", 1);
    let zeroes = good.replacen(&lines[2][5..25], &"\0".repeat(20), 1);
    for (name, damaged) in [("swapped", swapped), ("doubled", doubled), ("flipped", flipped), ("zeroes", zeroes)] {
        fs_err::write(sandbox.path(JOURNAL), &damaged).unwrap();
        let shown = sandbox.run(&["status"]).code(0).says("warning: the journal is damaged at line");
        assert_eq!(shown.stderr.matches("is damaged").count(), 1, "{name}: {shown:?}");
        sandbox.run(&["up", "--strict-state"]).code(4).says("the journal is damaged at line");
        assert_eq!(fs_err::read_to_string(sandbox.path(JOURNAL)).unwrap(), damaged, "{name}: refused and changed");
        sandbox.run(&["status"]).code(0);
        sandbox.run(&["up"]).code(0).says("the journal is damaged at line").says("journal.bad-");
        sandbox.run(&["up"]).code(0).says("nothing to do").keeps_quiet_about("damaged");
    }
    let kept = fs_err::read_dir(sandbox.path(".provision")).unwrap();
    let kept = kept.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("bad-")).count();
    assert_eq!(kept, 4, "each damaged file is kept");
}

#[test]
fn f07_a_newer_format_is_refused_byte_for_byte() {
    let sandbox = two();
    sandbox.run(&["up"]).code(0);
    let newer = sealed(0, r#"{"kind":"header","format":99,"lineage":"x"}"#);
    fs_err::write(sandbox.path(JOURNAL), &newer).unwrap();
    for command in ["up", "status", "report"] {
        sandbox.run(&[command]).code(4).says("written by a newer provision").says("its format is 99");
    }
    assert_eq!(fs_err::read_to_string(sandbox.path(JOURNAL)).unwrap(), newer);
    assert_eq!(sandbox.world(), ["a", "b"]);
}

#[test]
fn f08_an_older_format_is_migrated_and_the_old_file_kept() {
    let sandbox = two();
    sandbox.run(&["up"]).code(0);
    // Format 1 had all inputs with a start; the rest was the same.
    let now = fs_err::read_to_string(sandbox.path(JOURNAL)).unwrap();
    let mut old = String::new();
    for (n, line) in now.lines().enumerate() {
        let mut record = serde_json::from_str::<serde_json::Value>(line).unwrap()["r"].take();
        if n == 0 {
            record["format"] = 1.into();
        }
        if record["kind"] == "step-started" {
            record["inputs"] = serde_json::json!({ "action": "0123456789abcdef0123456789abcdef" });
            record.as_object_mut().unwrap().remove("fingerprint");
        }
        old.push_str(&sealed(n, &record.to_string()));
    }
    fs_err::write(sandbox.path(JOURNAL), &old).unwrap();
    sandbox.run(&["status"]).code(0).says("2 of 2 steps proven");
    assert_eq!(fs_err::read_to_string(sandbox.path(JOURNAL)).unwrap(), old, "a reader wrote");
    sandbox.run(&["up"]).code(0).says("brought up to date").says("nothing to do");
    assert_eq!(fs_err::read_to_string(sandbox.path(".provision/journal.format-1")).unwrap(), old);
    sandbox.run(&["up"]).code(0).says("nothing to do").keeps_quiet_about("brought up to date");
    assert_eq!(sandbox.world(), ["a", "b"]);
}

/// A record's text as a line of the journal.
fn sealed(n: usize, record: &str) -> String {
    let sum = blake3::hash(format!("{n} {record}").as_bytes()).to_hex();
    format!("{{\"n\":{n},\"c\":\"{}\",\"r\":{record}}}\n", &sum[..8])
}

#[test]
fn f09_an_odd_journal_is_refused_without_following_or_waiting() {
    let sandbox = two();
    sandbox.run(&["up"]).code(0);
    fs_err::write(sandbox.path(JOURNAL), "").unwrap();
    sandbox.run(&["up"]).code(0);
    let path = sandbox.path(JOURNAL);
    let elsewhere = sandbox.path("elsewhere");
    fs_err::write(&elsewhere, "precious").unwrap();
    for (name, make) in [("folder", 0), ("link", 1), ("pipe", 2)] {
        fs_err::remove_file(&path).unwrap();
        match make {
            0 => fs_err::create_dir(&path).unwrap(),
            1 => symlink(&elsewhere, &path).unwrap(),
            _ => assert!(duct::cmd!("mkfifo", &path).run().is_ok()),
        }
        for command in ["up", "status"] {
            sandbox.run(&[command]).code(4).says("is not a plain file");
        }
        if make == 0 {
            fs_err::remove_dir(&path).unwrap();
        } else {
            fs_err::remove_file(&path).unwrap();
        }
        fs_err::write(&path, "").unwrap();
        assert!(path.is_file(), "{name}");
    }
    assert_eq!(fs_err::read_to_string(&elsewhere).unwrap(), "precious");
    // The whole folder may be a link that came with a repository.
    fs_err::remove_dir_all(sandbox.path(".provision")).unwrap();
    fs_err::create_dir(sandbox.path("victim")).unwrap();
    symlink(sandbox.path("victim"), sandbox.path(".provision")).unwrap();
    sandbox.run(&["up"]).code(4).says("is not a folder of yours");
    assert_eq!(fs_err::read_dir(sandbox.path("victim")).unwrap().count(), 0);
}

#[test]
fn f15_a_long_run_syncs_once_at_a_boundary_and_keeps_its_journal_small() {
    const N: usize = 600;
    let step = |n: usize| {
        let needs = if n > 0 { format!("needs = [\"n{}\"]\n", n - 1) } else { String::new() };
        format!("[[stage.step]]\nid = \"n{n}\"\naction = \"command\"\nrun = [\"true\"]\n{needs}")
    };
    let steps: String = (0..N).map(step).collect();
    let model = Model { sandbox: Sandbox::new(&format!("[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\n{steps}")) };
    // One after the other: nothing can share a sync by luck.
    let (shown, _) = model.up_with("fdatasync", "retval=0", 65_535);
    shown.code(0);
    let calls = fs_err::read_to_string(model.sandbox.path("strace.log")).unwrap();
    let syncs = calls.lines().filter(|line| line.starts_with("fdatasync(")).count();
    assert!(syncs <= 2 * N + 1, "{syncs} syncs for {} boundaries and the run's end", 2 * N);
    let journal = fs_err::read_to_string(model.sandbox.path(JOURNAL)).unwrap();
    assert!(journal.lines().count() <= N + 3, "{} records of {N} steps", journal.lines().count());
    model.sandbox.run(&["up"]).code(0).says("nothing to do");
}

#[test]
fn f16_a_renamed_step_is_a_new_one_and_a_removed_one_is_shown_as_gone() {
    let sandbox = two();
    sandbox.run(&["up"]).code(0);
    let text = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    let renamed = text.replace("id = \"b\"", "id = \"c\"");
    sandbox.file("pipeline.toml", &renamed);
    sandbox.run(&["plan", "--exit-code"]).code(10).says("never run");
    sandbox.run(&["status"]).code(0).says("no longer in the pipeline");
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.world(), ["a", "b", "b"]);
    // Back again: what was proven under that name still is.
    sandbox.file("pipeline.toml", &text);
    sandbox.run(&["up"]).code(0).says("nothing to do");
}

#[test]
fn f17_a_hostile_pipeline_file_ends_in_a_message_and_nothing_runs() {
    let deep = format!("a = {}1{}", "[".repeat(5000), "]".repeat(5000));
    let cases: [(&str, Vec<u8>); 8] = [
        ("deep", deep.into_bytes()),
        ("twice", b"[pipeline]\nname = \"a\"\nname = \"b\"\n".to_vec()),
        ("not UTF-8", b"[pipeline]\nname = \"\xff\xfe\"\n".to_vec()),
        ("zeroes", vec![0; 100_000]),
        ("huge", vec![b'#'; 100 << 20]),
        ("long key", format!("{}x = 1", "a.".repeat(5000)).into_bytes()),
        ("expression", b"[pipeline]\nname = \"a\"\n[vars]\nx = \"${{ range(999999999) | join }}\"\n".to_vec()),
        ("outside", b"[pipeline]\nname = \"a\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"b\"\naction = \"command\"\nrun = \"true\"\ninputs = [\"../../etc/*\"]\n".to_vec()),
    ];
    let sandbox = two();
    for (name, bytes) in cases {
        fs_err::write(sandbox.path("pipeline.toml"), bytes).unwrap();
        let shown = sandbox.run(&["up"]);
        assert_eq!(shown.code, 2, "{name}: {shown:?}");
        assert!(!sandbox.path(".provision").exists(), "{name}");
    }
    // A byte order mark and Windows line ends are not errors.
    let text = "\u{feff}[pipeline]\r\nname = \"a\"\r\n[[stage]]\r\nid = \"s\"\r\n[[stage.step]]\r\nid = \"b\"\r\naction = \"command\"\r\nrun = \"true\"\r\n";
    sandbox.file("pipeline.toml", text);
    sandbox.run(&["up"]).code(0);
}

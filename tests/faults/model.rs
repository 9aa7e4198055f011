//! What a run does to the world, and what may be true of it after a fault.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use crate::sandbox::{Sandbox, Shown};

/// The steps of [`Model::six`], in the order in which they run: two beside each other in the middle.
const STEPS: [&str; 6] = ["one.a", "one.b", "two.c", "two.d", "three.e", "three.f"];

/// A project whose world can be counted.
pub(crate) struct Model {
    pub(crate) sandbox: Sandbox,
}

impl Model {
    /// Six steps in three stages. Each leaves a line in `world`, and then its file in `made/`, which it is fresh by.
    pub(crate) fn six() -> Self {
        let step = |id: &str, needs: &str| {
            let run = format!("echo {id} >> world; mkdir -p made; echo {id} > made/{id}");
            format!(
                "[[stage.step]]\nid = \"{id}\"\naction = \"command\"\nrun = \"{run}\"\noutputs = [\"made/{id}\"]\n{needs}\n"
            )
        };
        let pipeline = format!(
            "[pipeline]\nname = \"six\"\n[[stage]]\nid = \"one\"\n{}{}[[stage]]\nid = \"two\"\n{}{}[[stage]]\nid = \"three\"\n{}{}",
            step("a", ""),
            step("b", "needs = [\"a\"]"),
            step("c", ""),
            step("d", ""),
            step("e", ""),
            step("f", "needs = [\"e\"]"),
        );
        Self { sandbox: Sandbox::new(&pipeline) }
    }

    /// How often each effect happened.
    fn effects(&self) -> BTreeMap<String, usize> {
        let mut effects = BTreeMap::new();
        for line in self.sandbox.world() {
            *effects.entry(line).or_default() += 1;
        }
        effects
    }

    /// The steps that the journal calls proven.
    fn proven(&self) -> Vec<&'static str> {
        let status = self.sandbox.run(&["status"]).code(0).stdout;
        let is_proven = |step: &&str| {
            let mut lines = status.lines().filter(|line| line.contains("succeeded"));
            lines.any(|line| line.split_whitespace().nth(1) == step.split('.').nth(1))
        };
        STEPS.into_iter().filter(is_proven).collect()
    }

    /// After a fault: readers work, nothing is called proven whose effect is not there, and `up` ends in the state of
    /// an undisturbed run, doing again at most what was not proven.
    #[track_caller]
    pub(crate) fn recovers(&self) {
        self.recovers_from(1);
    }

    /// The same after several faults in a row, each of which may have caught the same step between effect and record.
    #[track_caller]
    pub(crate) fn recovers_from(&self, faults: usize) {
        let proven = self.proven();
        let before = self.effects();
        for step in &proven {
            let name = step.split_once('.').unwrap().1;
            let times = before.get(name).copied().unwrap_or(0);
            assert!((1..=faults).contains(&times), "{step} is called proven: {before:?}");
            assert!(self.sandbox.path("made").join(name).exists(), "{step} is called proven and is not there");
        }
        self.sandbox.run(&["up"]).code(0);
        let after = self.effects();
        for step in STEPS {
            let name = step.split_once('.').unwrap().1;
            let times = after.get(name).copied().unwrap_or(0);
            let most = before.get(name).copied().unwrap_or(0) + usize::from(!proven.contains(&step));
            assert!((1..=most.max(1)).contains(&times), "{step} happened {times} times, {before:?} before");
            assert!(self.sandbox.path("made").join(name).exists());
        }
        self.sandbox.run(&["up"]).code(0).says("nothing to do");
        assert_eq!(self.effects(), after, "a run with nothing to do did something");
    }

    /// Runs `up` under strace, which does what `how` says to the `nth` call of `syscall` on the journal. Returns
    /// whether there was such a call.
    pub(crate) fn up_with(&self, syscall: &str, how: &str, nth: u32) -> (Shown, bool) {
        // Called for whatever the loop's own thread does: children are not traced.
        let state = self.sandbox.path(".provision");
        drop(fs_err::create_dir(&state));
        let log = self.sandbox.path("strace.log");
        let mut command = self.command("strace");
        command.args(["-qq", "-o"]).arg(&log);
        for name in ["journal.jsonl", "journal.new"] {
            command.arg("-P").arg(state.join(name));
        }
        // The folder itself is synced too.
        command.arg("-P").arg(&state);
        let inject = format!("inject={syscall}:{how}:when={nth}");
        command.args(["-e", &format!("trace={syscall}"), "-e", &inject]);
        command.args([env!("CARGO_BIN_EXE_provision"), "up"]);
        let shown = Shown::of(command.spawn().unwrap());
        let calls = fs_err::read_to_string(&log).unwrap();
        let n = calls.lines().filter(|line| line.starts_with(&format!("{syscall}("))).count();
        (shown, u32::try_from(n).unwrap() >= nth)
    }

    /// Runs `up` and kills it at the `nth` visit of a failpoint. Returns whether it got there.
    pub(crate) fn up_killed_at(&self, failpoint: &str, nth: u32) -> bool {
        let mut command = self.sandbox.command(&["up"]);
        command.env("PROVISION_FAIL", format!("{failpoint}#{nth}"));
        Shown::of(command.spawn().unwrap()).code == -1
    }

    #[expect(clippy::disallowed_methods, reason = "the test is the user here")]
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let like = self.sandbox.command(&[]);
        command.env_clear().envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(self.sandbox.path("")).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

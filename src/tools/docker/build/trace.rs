//! [`Trace`]: the messages of a build, folded into its progress and the step that failed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bollard::moby::buildkit::v1::StatusResponse;
use bollard::models::BuildInfo;

use crate::error::{Failure, ids};
use crate::model::Progress;

/// How many of a step's last lines a failure shows.
const TAIL: usize = 20;

/// Most characters of a line that are kept for a failure; it is cut for showing only after secrets are masked.
const TAIL_LINE: usize = 16 << 10;

/// The state of a build as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Trace {
    steps: Vec<BuildStep>,
    /// Layers that are being fetched, by vertex and id: bytes so far and in total.
    layers: BTreeMap<(String, String), (u64, u64)>,
    classic: Option<(u64, u64)>,
    /// When the last step of the classic builder began, unless it has ended: it says no times itself.
    began: Option<Instant>,
    /// What the builder warned of since it was last asked.
    warnings: Vec<String>,
}

/// A vertex of BuildKit's graph, or a step of the classic builder.
#[derive(Debug, Default)]
struct BuildStep {
    digest: String,
    name: String,
    announced: bool,
    /// When it began, in nanoseconds since the Unix epoch.
    started: Option<i128>,
    completed: bool,
    cached: bool,
    error: String,
    /// The unfinished lines of its two outputs: the daemon mixes them, and not at the ends of lines.
    open: [Vec<u8>; 2],
    tail: VecDeque<String>,
}

impl BuildStep {
    /// Whether it is an instruction of the Dockerfile.
    fn counts(&self) -> bool {
        self.name.starts_with('[') && !self.name.starts_with("[internal]")
    }

    fn push(&mut self, line: &str) {
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line.chars().take(TAIL_LINE).collect());
    }

    /// Shows the lines that have no end, and how the step number `n` ended at `end`.
    fn finish(&mut self, n: usize, end: i128, out: &mut dyn FnMut(&str)) {
        for open in std::mem::take(&mut self.open).iter().filter(|open| !open.is_empty()) {
            let line = String::from_utf8_lossy(open);
            let line = line.rsplit('\r').next().unwrap_or(&line).trim_end();
            self.push(line);
            out(&format!("#{n} {line}"));
        }
        let how = match self.error.as_str() {
            "" => "done",
            error if error.contains(CANCELED) => "stopped after",
            _ => "failed after",
        };
        let tenths = self.started.map_or(0, |started| (end - started).max(0) / 100_000_000);
        out(&format!("#{n} {how} {}.{}s", tenths / 10, tenths % 10));
    }
}

/// What the error of a step says that was stopped because another one failed.
const CANCELED: &str = "context canceled";

/// A time of BuildKit, whose own type has no name here.
fn nanoseconds(seconds: i64, nanos: i32) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(nanos)
}

impl Trace {
    /// Processes a status of BuildKit; `out` gets the lines to show.
    pub(super) fn buildkit(&mut self, status: StatusResponse, out: &mut dyn FnMut(&str)) {
        let mut ended = Vec::new();
        for vertex in status.vertexes {
            let at = self.position(&vertex.digest);
            let step = &mut self.steps[at];
            step.name = vertex.name;
            step.started = step.started.or(vertex.started.map(|time| nanoseconds(time.seconds, time.nanos)));
            if !step.announced && (step.started.is_some() || vertex.cached) {
                step.announced = true;
                out(&format!("#{} {}{}", at + 1, step.name, if vertex.cached { " (cached)" } else { "" }));
            } else if vertex.cached && !step.cached {
                out(&format!("#{} (cached)", at + 1));
            }
            step.cached |= vertex.cached;
            if !vertex.error.is_empty() {
                step.error = vertex.error;
            }
            if let (Some(time), false) = (vertex.completed, step.completed) {
                step.completed = true;
                ended.extend((!step.cached).then(|| (at, nanoseconds(time.seconds, time.nanos))));
            }
        }
        for status in status.statuses {
            let (Ok(current), Ok(total)) = (u64::try_from(status.current), u64::try_from(status.total)) else {
                continue;
            };
            if total > 0 {
                let current = if status.completed.is_some() { total } else { current };
                self.layers.insert((status.vertex, status.id), (current, total));
            }
        }
        for warning in status.warnings {
            self.warnings.push(String::from_utf8_lossy(&warning.short).trim().to_owned());
        }
        for log in status.logs {
            let at = self.position(&log.vertex);
            let step = &mut self.steps[at];
            let n = usize::from(log.stream == 2);
            step.open[n].extend_from_slice(&log.msg);
            while let Some(end) = step.open[n].iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = step.open[n].drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                let line = line.trim_end();
                // A bar that redraws itself: its last state is enough.
                let line = line.rsplit('\r').next().unwrap_or(line);
                step.push(line);
                out(&format!("#{} {line}", at + 1));
            }
        }
        // Behind the lines that came with the news of its end.
        for (at, end) in ended {
            self.steps[at].finish(at + 1, end, out);
        }
    }

    fn position(&mut self, digest: &str) -> usize {
        if let Some(at) = self.steps.iter().position(|step| step.digest == digest) {
            return at;
        }
        self.steps.push(BuildStep { digest: digest.to_owned(), ..BuildStep::default() });
        self.steps.len() - 1
    }

    /// Processes a message of the classic builder.
    pub(super) fn classic(&mut self, info: &BuildInfo, out: &mut dyn FnMut(&str)) {
        if let (Some(id), Some(detail)) = (&info.id, &info.progress_detail)
            && let (Some(current), Some(total)) = (detail.current, detail.total)
            && let (Ok(current), Ok(total)) = (u64::try_from(current), u64::try_from(total))
        {
            self.layers.insert((String::new(), id.clone()), (current, total));
        }
        for line in info.stream.as_deref().unwrap_or_default().lines().map(str::trim_end) {
            if let Some((step, total, name)) = classic_step(line) {
                self.classic_ended(out);
                self.layers.clear();
                self.began = Some(Instant::now());
                self.classic = Some((step - 1, total));
                self.steps.push(BuildStep { name: format!("[{step}/{total}] {name}"), ..BuildStep::default() });
            } else if let Some(step) = self.steps.last_mut() {
                step.push(line);
                step.cached |= line == " ---> Using cache";
            }
            self.warnings.extend(classic_warning(line).map(str::to_owned));
            if !line.is_empty() {
                out(line);
            }
        }
    }

    /// Shows how long the last step of the classic builder took: another one begins, or the image is there.
    pub(super) fn classic_ended(&mut self, out: &mut dyn FnMut(&str)) {
        let (Some(began), Some((before, total))) = (self.began.take(), self.classic) else { return };
        if !self.steps.last().is_some_and(|step| step.cached) {
            out(&format!("Step {}/{total} done {:.1}s", before + 1, began.elapsed().as_secs_f64()));
        }
    }

    /// Returns what the builder has warned of since the last call.
    pub(super) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Returns the progress: layers that are being fetched, or else the Dockerfile's steps.
    pub(super) fn progress(&self) -> Progress {
        let open = self.steps.iter().rfind(|step| step.announced && !step.completed);
        let name = open.or(self.steps.last()).map(|step| step.name.clone()).unwrap_or_default();
        let (current, total) =
            self.layers.values().fold((0, 0), |(current, total), layer| (current + layer.0, total + layer.1));
        if current < total {
            return Progress::bytes(current, Some(total), format!("fetching layers: {name}"));
        }
        let (done, all) = self.classic.unwrap_or_else(|| {
            let counted = || self.steps.iter().filter(|step| step.counts());
            (counted().filter(|step| step.completed).count() as u64, counted().count() as u64)
        });
        Progress::items(done, Some(all).filter(|all| *all > 0), name)
    }

    /// Returns the failure of a build that ended with `message`: the step of the Dockerfile and its last lines.
    pub(super) fn failure(&self, what: &str, message: &str) -> Failure {
        let message = message.trim();
        let failed = self.steps.iter().find(|step| !step.error.is_empty() && !step.error.contains(CANCELED));
        let failed = failed.or(self.steps.last().filter(|step| step.digest.is_empty()));
        let Some(step) = failed else {
            return Failure::of(ids::IMAGE_BUILD_FAILED, what).cause(message);
        };
        let open = step.open.iter().map(|line| String::from_utf8_lossy(line).trim_end().to_owned());
        let open = open.filter(|line| !line.is_empty());
        Failure::of(ids::IMAGE_BUILD_FAILED, format!("{what}: step {} failed", step.name))
            .cause(message)
            .details(step.tail.iter().cloned().chain(open))
    }
}

/// `Step 2/5 : RUN make`.
fn classic_step(line: &str) -> Option<(u64, u64, &str)> {
    let (count, name) = line.strip_prefix("Step ")?.split_once(" : ")?;
    let (step, total) = count.split_once('/')?;
    Some((step.parse().ok().filter(|step| *step > 0)?, total.parse().ok()?, name))
}

/// What the classic builder warns of in a line of its output. A program that runs in the build may print something like
/// it, so only the builder's own forms count.
fn classic_warning(line: &str) -> Option<&str> {
    let line = line.trim();
    if let Some(text) = line.strip_prefix("---> [Warning] ") {
        return Some(text);
    }
    let text = line.strip_prefix("[Warning] ").or_else(|| line.strip_prefix("[WARNING]: "))?;
    (text.starts_with("One or more build-args ") || text.starts_with("Empty continuation ")).then_some(text)
}

#[cfg(test)]
mod tests {
    use bollard::moby::buildkit::v1::{Vertex, VertexLog, VertexStatus, VertexWarning};

    use super::*;

    /// Returns a time of a vertex; its type cannot be named here.
    macro_rules! time {
        ($seconds:expr, $nanos:expr) => {{
            let mut vertex = Vertex::default();
            let time = vertex.started.get_or_insert_with(Default::default);
            (time.seconds, time.nanos) = ($seconds, $nanos);
            vertex.started
        }};
    }

    fn vertex(digest: &str, name: &str, completed: bool, error: &str) -> Vertex {
        Vertex {
            digest: digest.into(),
            name: name.into(),
            started: time!(10, 0),
            completed: time!(11, 250_000_000).filter(|_| completed),
            error: error.into(),
            ..Vertex::default()
        }
    }

    #[test]
    fn buildkit_steps_are_counted_and_the_failed_one_is_named_with_its_last_lines() {
        let mut trace = Trace::default();
        let mut lines = Vec::new();
        let mut out = |line: &str| lines.push(line.to_owned());
        trace.buildkit(
            StatusResponse {
                vertexes: vec![
                    vertex("a", "[internal] load build definition", true, ""),
                    vertex("b", "[1/2] FROM base", true, ""),
                    vertex("c", "[2/2] RUN make", false, ""),
                ],
                ..StatusResponse::default()
            },
            &mut out,
        );
        assert_eq!(trace.progress().to_string(), "1/2 [2/2] RUN make");
        let log = |text: &str| VertexLog { vertex: "c".into(), msg: text.into(), ..VertexLog::default() };
        trace.buildkit(
            StatusResponse {
                vertexes: vec![vertex("c", "[2/2] RUN make", true, "exit code: 2")],
                logs: vec![log("one\n10%\r20%\ntw"), log("o\nthree")],
                ..StatusResponse::default()
            },
            &mut out,
        );
        let failure = trace.failure("building `x`", "exit code: 2\n");
        assert_eq!(failure.message, "building `x`: step [2/2] RUN make failed");
        assert_eq!(failure.details, ["one", "20%", "two", "three"]);
        let shown = [
            "#1 [internal] load build definition",
            "#2 [1/2] FROM base",
            "#3 [2/2] RUN make",
            "#1 done 1.2s",
            "#2 done 1.2s",
            "#3 one",
            "#3 20%",
            "#3 two",
            "#3 three",
            "#3 failed after 1.2s",
        ];
        assert_eq!(lines, shown);
    }

    #[test]
    fn a_step_says_once_how_long_it_took_or_that_it_is_cached() {
        let mut trace = Trace::default();
        let mut lines = Vec::new();
        let cached = |vertex: Vertex| Vertex { cached: true, ..vertex };
        let news = [
            vec![cached(vertex("a", "[1/3] FROM base", true, "")), vertex("b", "[2/3] RUN a", false, "")],
            vec![vertex("b", "[2/3] RUN a", true, ""), vertex("c", "[3/3] COPY b", false, "")],
            vec![vertex("b", "[2/3] RUN a", true, ""), cached(vertex("c", "[3/3] COPY b", true, ""))],
            vec![vertex("d", "[other 1/1] RUN", true, "process: context canceled")],
        ];
        for vertexes in news {
            let status = StatusResponse { vertexes, ..StatusResponse::default() };
            trace.buildkit(status, &mut |line: &str| lines.push(line.to_owned()));
        }
        let shown = [
            "#1 [1/3] FROM base (cached)",
            "#2 [2/3] RUN a",
            "#3 [3/3] COPY b",
            "#2 done 1.2s",
            "#3 (cached)",
            "#4 [other 1/1] RUN",
            "#4 stopped after 1.2s",
        ];
        assert_eq!(lines, shown);
    }

    #[test]
    fn what_the_builder_warns_of_is_told_and_what_a_program_prints_is_not() {
        let mut trace = Trace::default();
        let warning =
            VertexWarning { short: b"FromAsCasing: casing differs (line 1)\n".to_vec(), ..VertexWarning::default() };
        trace.buildkit(StatusResponse { warnings: vec![warning], ..StatusResponse::default() }, &mut |_| {});
        assert_eq!(trace.take_warnings(), ["FromAsCasing: casing differs (line 1)"]);
        let say = |text: &str| BuildInfo { stream: Some(text.into()), ..BuildInfo::default() };
        let printed =
            "Step 1/1 : RUN make\n ---> [Warning] IPv4 forwarding is disabled\n[WARNING] Maven is old\n[Warning] x\n";
        trace.classic(&say(printed), &mut |_| {});
        trace.classic(&say("[Warning] One or more build-args [A] were not consumed\n"), &mut |_| {});
        let told = ["IPv4 forwarding is disabled", "One or more build-args [A] were not consumed"];
        assert_eq!(trace.take_warnings(), told);
        assert!(trace.take_warnings().is_empty());
    }

    #[test]
    fn fetched_layers_are_bytes() {
        let mut trace = Trace::default();
        let status = |id: &str, current, total| VertexStatus {
            id: id.into(),
            vertex: "a".into(),
            current,
            total,
            ..VertexStatus::default()
        };
        trace.buildkit(
            StatusResponse {
                vertexes: vec![vertex("a", "[1/1] FROM python", false, "")],
                statuses: vec![status("x", 10, 100), status("y", 5, 20), status("z", 1, 0)],
                ..StatusResponse::default()
            },
            &mut |_| {},
        );
        assert_eq!(trace.progress(), Progress::bytes(15, Some(120), "fetching layers: [1/1] FROM python"));
    }

    #[test]
    fn classic_steps_are_read_from_their_lines() {
        let mut trace = Trace::default();
        let say = |text: &str| BuildInfo { stream: Some(text.into()), ..BuildInfo::default() };
        let mut lines = Vec::new();
        for text in ["Step 1/2 : FROM base\n", " ---> abc\n", "Step 2/2 : RUN false\n", "oops\n"] {
            trace.classic(&say(text), &mut |line: &str| lines.push(line.to_owned()));
        }
        // The first one has ended, and how long it took is not known beforehand.
        let timed: Vec<&String> = lines.iter().filter(|line| line.contains(" done ")).collect();
        assert!(timed.len() == 1 && timed[0].starts_with("Step 1/2 done 0."), "{lines:?}");
        assert_eq!(lines.iter().position(|line| line == timed[0]), Some(2));
        assert_eq!(trace.progress().to_string(), "1/2 [2/2] RUN false");
        let failure = trace.failure("building `x`", "returned a non-zero code: 1");
        assert_eq!(failure.message, "building `x`: step [2/2] RUN false failed");
        assert_eq!(failure.details, ["oops"]);
    }
}

//! [`stages`]: what a Dockerfile says of each of its stages, with arguments and variables filled in.

use std::collections::BTreeMap;

use super::lines::{Instruction, KNOWN, flag, instructions, pairs, shell_words, split_flags};
use super::variables::Variables;

/// A value and the line of the instruction that says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said<T> {
    /// The line, counted from 1.
    pub line: usize,
    /// What is said.
    pub value: T,
}

/// What an instruction executes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// `["node", "server.js"]`: as it is.
    Words(Vec<String>),
    /// A line for the shell.
    Shell(String),
}

/// A health check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// What it executes.
    pub command: Program,
    /// Its flags: `interval`, `timeout`, `retries`, …
    pub options: BTreeMap<String, String>,
}

/// `COPY` or `ADD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The instruction: `COPY`.
    pub instruction: String,
    /// The stage or image that it copies from; `None` for the context.
    pub from: Option<String>,
    /// Whom the files belong to then.
    pub chown: Option<String>,
    /// What is copied.
    pub sources: Vec<String>,
    /// Where to.
    pub destination: String,
}

/// A stage, with what it has from an earlier stage that it begins with. Of what can be said more than once and holds
/// once, the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// The line of its `FROM`.
    pub line: usize,
    /// Its name.
    pub name: Option<String>,
    /// What stands in its `FROM`: an image, or an earlier stage.
    pub base: String,
    /// The image that it begins with, also where that is an earlier stage's.
    pub image: String,
    /// `USER`.
    pub user: Option<Said<String>>,
    /// `WORKDIR`.
    pub workdir: Option<Said<String>>,
    /// `EXPOSE`.
    pub ports: Vec<Said<String>>,
    /// `CMD`.
    pub command: Option<Said<Program>>,
    /// `ENTRYPOINT`.
    pub entrypoint: Option<Said<Program>>,
    /// `HEALTHCHECK`; `None` after `HEALTHCHECK NONE`, too.
    pub healthcheck: Option<Said<HealthCheck>>,
    /// `ENV`.
    pub env: BTreeMap<String, Said<String>>,
    /// `LABEL`.
    pub labels: BTreeMap<String, Said<String>>,
    /// `ARG`, as far as they have values.
    pub args: BTreeMap<String, Said<String>>,
    /// `VOLUME`.
    pub volumes: Vec<Said<String>>,
    /// `COPY` and `ADD` of this stage.
    pub copies: Vec<Said<Copied>>,
    /// `RUN` of this stage.
    pub runs: Vec<Said<String>>,
    variables: Variables,
    /// Whether this stage itself has a `CMD`: an `ENTRYPOINT` takes back one that it has from elsewhere.
    has_command: bool,
}

/// Returns the stages of the Dockerfile `text`, built without arguments, or what no Dockerfile says.
pub fn stages(text: &str) -> Result<Vec<Stage>, String> {
    let mut reader = Reader::default();
    for instruction in &instructions(text).instructions {
        let Instruction { line, name, .. } = instruction;
        if !KNOWN.contains(&name.as_str()) {
            return Err(format!("line {line}: the instruction `{name}` is not known"));
        }
        reader.read(instruction)?;
    }
    if reader.done.is_empty() {
        return Err("there is no `FROM`".into());
    }
    Ok(reader.done)
}

#[derive(Default)]
struct Reader {
    /// Of the lines before the first `FROM`.
    global: Variables,
    done: Vec<Stage>,
}

impl Reader {
    fn read(&mut self, instruction: &Instruction) -> Result<(), String> {
        let Instruction { line, name, rest, .. } = instruction;
        let (flags, words) = split_flags(rest);
        if name == "FROM" {
            return self.begin(*line, &words);
        }
        let Some(stage) = self.done.last_mut() else {
            if name != "ARG" {
                return Err(format!("line {line}: `{name}` stands before the first `FROM`"));
            }
            for declared in shell_words(rest) {
                let (name, default) = split(&declared);
                let value = default.map(|default| fill(&self.global, default));
                self.global.set(name, value);
            }
            return Ok(());
        };
        stage.read(instruction, &flags, &words, &self.global);
        Ok(())
    }

    fn begin(&mut self, line: usize, words: &[String]) -> Result<(), String> {
        let base = words.first().ok_or_else(|| format!("line {line}: `FROM` names no image"))?;
        let base = fill(&self.global, base);
        let name = match words {
            [_, word, name, ..] if word.eq_ignore_ascii_case("as") => Some(name.clone()),
            _ => None,
        };
        let is_base = |stage: &&Stage| stage.name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(&base));
        let before = self.done.iter().rev().find(is_base).cloned();
        let image = before.as_ref().map_or_else(|| base.clone(), |stage| stage.image.clone());
        let inherited = before.unwrap_or_default();
        let mut variables = Variables::default();
        for (name, said) in &inherited.env {
            variables.set(name, Some(said.value.clone()));
        }
        self.done.push(Stage {
            line,
            name,
            base,
            image,
            args: BTreeMap::new(),
            copies: Vec::new(),
            runs: Vec::new(),
            variables,
            has_command: false,
            ..inherited
        });
        Ok(())
    }
}

/// `text` with variables filled in; as it stands there where that can't be done.
fn fill(variables: &Variables, text: &str) -> String {
    variables.fill(text, false).unwrap_or_else(|| text.to_owned())
}

fn split(declared: &str) -> (&str, Option<&str>) {
    declared.split_once('=').map_or((declared, None), |(name, value)| (name, Some(value)))
}

/// A list in the form of JSON.
fn json_words(rest: &str) -> Option<Vec<String>> {
    rest.starts_with('[').then(|| serde_json::from_str(rest).ok()).flatten()
}

fn program(rest: &str) -> Program {
    json_words(rest).map_or_else(|| Program::Shell(rest.to_owned()), Program::Words)
}

impl Stage {
    fn read(&mut self, instruction: &Instruction, flags: &[&str], words: &[String], global: &Variables) {
        let Instruction { line, name, rest, .. } = instruction;
        let line = *line;
        match name.as_str() {
            "ARG" => self.declare(line, rest, global),
            "ENV" => {
                // All values of one instruction are filled in before any of them is set.
                let filled: Vec<(String, String)> =
                    pairs(rest).into_iter().map(|(name, value)| (name, fill(&self.variables, &value))).collect();
                for (name, value) in filled {
                    self.variables.set(&name, Some(value.clone()));
                    self.env.insert(name, Said { line, value });
                }
            }
            "LABEL" => {
                for (name, value) in pairs(rest) {
                    let (name, value) = (fill(&self.variables, &name), fill(&self.variables, &value));
                    self.labels.insert(name, Said { line, value });
                }
            }
            "USER" => self.user = Some(Said { line, value: fill(&self.variables, rest) }),
            "WORKDIR" => self.enter(line, rest),
            "EXPOSE" => {
                for word in words {
                    let value = fill(&self.variables, word).to_ascii_lowercase();
                    self.ports.extend(value.split_whitespace().map(|port| Said { line, value: port.to_owned() }));
                }
            }
            "CMD" => {
                self.command = Some(Said { line, value: program(rest) });
                self.has_command = true;
            }
            "ENTRYPOINT" => {
                self.entrypoint = Some(Said { line, value: program(rest) });
                if !self.has_command {
                    self.command = None;
                }
            }
            "HEALTHCHECK" => self.healthcheck = health_check(flags, rest).map(|value| Said { line, value }),
            "VOLUME" => {
                let paths = json_words(rest).unwrap_or_else(|| words.to_vec());
                self.volumes.extend(paths.iter().map(|path| Said { line, value: fill(&self.variables, path) }));
            }
            "COPY" | "ADD" => self.copy(instruction, flags, words),
            "RUN" => self.runs.push(Said { line, value: rest.clone() }),
            _ => {}
        }
    }

    fn declare(&mut self, line: usize, rest: &str, global: &Variables) {
        for declared in shell_words(rest) {
            let (name, default) = split(&declared);
            let value = default.map(|default| fill(&self.variables, default));
            let value = value.or_else(|| global.get(name).map(str::to_owned));
            if let Some(value) = &value {
                self.args.insert(name.to_owned(), Said { line, value: value.clone() });
            }
            // A variable of the environment hides an argument.
            if !self.env.contains_key(name) {
                self.variables.set(name, value);
            }
        }
    }

    fn enter(&mut self, line: usize, rest: &str) {
        let path = fill(&self.variables, rest);
        let before = self.workdir.as_ref().map_or("/", |said| said.value.as_str());
        let value = if path.starts_with('/') { path } else { format!("{}/{path}", before.trim_end_matches('/')) };
        self.workdir = Some(Said { line, value });
    }

    fn copy(&mut self, instruction: &Instruction, flags: &[&str], words: &[String]) {
        let words = json_words(&words.join(" ")).unwrap_or_else(|| words.to_vec());
        let Some((destination, sources)) = words.split_last() else { return };
        let filled = |text: &str| fill(&self.variables, text);
        let value = Copied {
            instruction: instruction.name.clone(),
            from: flag(flags, "from").map(filled),
            chown: flag(flags, "chown").map(filled),
            sources: sources.iter().map(|source| filled(source)).collect(),
            destination: filled(destination),
        };
        self.copies.push(Said { line: instruction.line, value });
    }
}

fn health_check(flags: &[&str], rest: &str) -> Option<HealthCheck> {
    let options = flags.iter().filter_map(|flag| flag.strip_prefix("--")?.split_once('='));
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut rest = rest.trim_start();
    while rest.starts_with("--") {
        rest = rest.split_once(char::is_whitespace).map_or("", |(_, rest)| rest).trim_start();
    }
    let (word, command) = rest.split_once(char::is_whitespace)?;
    word.eq_ignore_ascii_case("CMD").then(|| HealthCheck { command: program(command.trim()), options })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(text: &str) -> Stage {
        stages(text).unwrap().pop().unwrap()
    }

    #[test]
    fn the_last_instruction_counts_and_variables_are_filled_in() {
        let text = "ARG NODE=18\nFROM node:${NODE}-alpine AS deps\nENV APP=/srv PORT=3000\nWORKDIR $APP\n\
                    FROM deps AS runner\nARG NODE\nWORKDIR web\nUSER root\nUSER nextjs\nEXPOSE $PORT 53/udp\n\
                    CMD npm start\nCMD [\"node\", \"server.js\"]\n\
                    HEALTHCHECK --interval=30s --timeout=3s \\\n  CMD wget -q localhost:3000\n\
                    COPY --from=deps --chown=nextjs:nodejs /a /b ./\nADD [\"x y\", \"/z\"]\n";
        let stage = last(text);
        assert_eq!((stage.base.as_str(), stage.image.as_str()), ("deps", "node:18-alpine"));
        assert_eq!(stage.name.as_deref(), Some("runner"));
        assert_eq!(stage.user, Some(Said { line: 9, value: "nextjs".into() }));
        assert_eq!(stage.workdir.as_ref().map(|said| said.value.as_str()), Some("/srv/web"));
        let ports: Vec<&str> = stage.ports.iter().map(|said| said.value.as_str()).collect();
        assert_eq!(ports, ["3000", "53/udp"]);
        let words = vec!["node".to_owned(), "server.js".to_owned()];
        assert_eq!(stage.command, Some(Said { line: 12, value: Program::Words(words) }));
        let check = stage.healthcheck.as_ref().unwrap();
        assert_eq!((check.line, check.value.options["interval"].as_str()), (13, "30s"));
        assert_eq!(check.value.command, Program::Shell("wget -q localhost:3000".into()));
        assert_eq!(stage.args["NODE"].value, "18");
        let copies: Vec<String> = stage
            .copies
            .iter()
            .map(|Said { value, .. }| format!("{:?} {:?} {}", value.from, value.sources, value.destination))
            .collect();
        assert_eq!(copies, [r#"Some("deps") ["/a", "/b"] ./"#, r#"None ["x y"] /z"#]);
    }

    #[test]
    fn what_takes_back_an_earlier_instruction_is_known() {
        assert_eq!(last("FROM a\nHEALTHCHECK CMD true\nHEALTHCHECK NONE").healthcheck, None);
        assert_eq!(last("FROM a AS b\nCMD x\nFROM b\nENTRYPOINT y").command, None);
        assert!(last("FROM a\nCMD x\nENTRYPOINT y").command.is_some());
        assert_eq!(last("FROM a AS b\nUSER x\nFROM b").user.unwrap().line, 2);
        assert_eq!(last("FROM a AS b\nUSER x\nFROM a").user, None);
    }

    #[test]
    fn what_is_no_dockerfile_is_refused_with_its_line() {
        for (text, message) in [
            ("", "there is no `FROM`"),
            ("# only a comment\n", "there is no `FROM`"),
            ("RUN x\nFROM a", "line 1: `RUN` stands before the first `FROM`"),
            ("FROM a\nUSRE x", "line 2: the instruction `USRE` is not known"),
            ("FROM", "line 1: `FROM` names no image"),
        ] {
            assert_eq!(stages(text).unwrap_err(), message, "{text}");
        }
    }
}

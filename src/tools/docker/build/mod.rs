//! Building an image from a context.

mod context;
pub mod dockerfile;
mod stream;
mod temporary;
mod trace;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::{BuildInfo, BuildInfoAux};
use bollard::query_parameters::{BuildImageOptions, BuilderVersion};
use futures_util::StreamExt;
use tokio::time::Instant;

use super::{Docker, Image, SILENCE, failure};
use crate::error::{Failure, FailureKind, ids};
use crate::model::Progress;
use crate::tools::unique_id;
pub use context::BuildContext;
use futures_util::future::BoxFuture;
pub use stream::{ContextStream, Upload};
pub use temporary::{Owner, TemporaryTag};
use trace::Trace;

/// The first version of the API with a BuildKit that is not an experiment.
const BUILDKIT_API: (u32, u32) = (1, 39);

/// How often an upload is shown.
const TICK: Duration = Duration::from_millis(200);

/// How long the stream may go on after the image's id has been reported: only the session is left then.
const AFTER_ID: Duration = Duration::from_secs(10);

/// What to build.
#[derive(Clone, Debug, Default)]
pub struct BuildRequest {
    /// The name that the image gets, `repository:tag`. Has to be new: then an image of this name is of this build, even
    /// when the daemon's response is lost.
    pub tag: String,
    /// The Dockerfile's path within the context.
    pub dockerfile: String,
    /// Build arguments. They are part of the image's history: never secrets.
    pub args: BTreeMap<String, String>,
    /// The stage of the Dockerfile to build; the last one by default.
    pub target: Option<String>,
    /// The platform to build for; the daemon's own by default.
    pub platform: Option<String>,
    /// Whether the classic builder builds it, although the daemon has BuildKit.
    pub classic: bool,
    /// What was being done, for a failure: "building `todo-backend`".
    pub what: String,
}

/// What happens while an image is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildEvent<'a> {
    /// How far it is: bytes of the context, bytes of layers, or steps.
    Progress(Progress),
    /// A line of output.
    Line(&'a str),
    /// What the builder warns of.
    Warning(&'a str),
}

/// Called with each event of a build.
pub type OnBuildEvent<'a> = &'a (dyn Fn(BuildEvent<'_>) + Sync);

/// What builds images and leaves them in the Docker daemon.
pub trait Builder: Send + Sync {
    /// Builds an image from `context`. Returns it only if the daemon has it, with the id that the build reported.
    /// Dropping the call cancels the build.
    fn build_image<'a>(
        &'a self,
        request: &'a BuildRequest,
        context: &'a BuildContext,
        on_event: OnBuildEvent<'a>,
    ) -> BoxFuture<'a, Result<Image, Failure>>;
}

/// The daemon's own builder: BuildKit, or the classic one where the daemon has no other.
impl Builder for Docker {
    fn build_image<'a>(
        &'a self,
        request: &'a BuildRequest,
        context: &'a BuildContext,
        on_event: OnBuildEvent<'a>,
    ) -> BoxFuture<'a, Result<Image, Failure>> {
        Box::pin(self.build(request, context.stream(), on_event))
    }
}

/// What the daemon has reported so far.
#[derive(Default)]
struct State {
    trace: Trace,
    id: Option<String>,
}

impl Docker {
    /// Builds an image and returns what the daemon has under its name afterwards. Success needs both: the id that the
    /// build reported, and an image with that id. Dropping the call cancels the build.
    pub async fn build(
        &self,
        request: &BuildRequest,
        context: ContextStream,
        on_event: &(dyn Fn(BuildEvent<'_>) + Sync),
    ) -> Result<Image, Failure> {
        let upload = context.upload();
        let mut state = State::default();
        let ended = self.follow(request, context, &upload, &mut state, on_event).await;
        // A context that could not be read is the cause, whatever the daemon did with the rest.
        if let Some(failure) = upload.failure() {
            return Err(failure.while_doing(request.what.clone()));
        }
        let doubt = match ended {
            Ok(()) => None,
            Err(Ended::Failed(failure)) => return Err(*failure),
            Err(Ended::Doubt(failure)) => Some(*failure),
        };
        // The daemon may have gone away, or only its response may be lost: the image decides.
        let image = match self.image(&request.tag).await {
            Ok(image) => image,
            Err(unreachable) => return Err(doubt.unwrap_or(unreachable)),
        };
        match (image, state.id, doubt) {
            (Some(image), Some(id), _) if image.id == id => Ok(image),
            // The name was new and the whole context had arrived: nothing else can have created it.
            (Some(image), None, Some(_)) if upload.is_complete() => Ok(image),
            (Some(image), Some(id), _) => Err(Failure::of(ids::IMAGE_BUILD_FAILED, request.what.clone())
                .cause(format!("the build reported the id {id}, and `{}` has {}", request.tag, image.id))),
            (_, _, Some(failure)) => Err(failure),
            (Some(_), None, None) => Err(Failure::of(ids::IMAGE_BUILD_FAILED, request.what.clone())
                .cause("the build ended without reporting the image's id")),
            (None, _, None) => Err(Failure::of(ids::IMAGE_BUILD_FAILED, request.what.clone())
                .cause(format!("the build reported success, and there is no image `{}`", request.tag))),
        }
    }

    async fn follow(
        &self,
        request: &BuildRequest,
        context: ContextStream,
        upload: &Upload,
        state: &mut State,
        on_event: &(dyn Fn(BuildEvent<'_>) + Sync),
    ) -> Result<(), Ended> {
        let buildkit = self.uses_buildkit(request).await.map_err(|failure| Ended::Failed(Box::new(failure)))?;
        let body = bollard::body_try_stream(context);
        let mut stream = self.client.build_image(Self::options(request, buildkit), None, Some(body));
        let (mut last_heard, mut shown) = (Instant::now(), 0);
        loop {
            tokio::select! {
                info = stream.next() => {
                    last_heard = Instant::now();
                    match info {
                        None => return Ok(()),
                        Some(Ok(info)) => state.take(info, on_event),
                        Some(Err(error)) => return Err(state.ended(request, &error)),
                    }
                }
                () = tokio::time::sleep(TICK) => {
                    let sent = upload.sent();
                    if sent != shown {
                        (last_heard, shown) = (Instant::now(), sent);
                        on_event(BuildEvent::Progress(Progress::bytes(sent, upload.total(), "sending the build context")));
                    }
                    // The classic builder reports an id for each stage of a Dockerfile.
                    if buildkit && state.id.is_some() && last_heard.elapsed() > AFTER_ID {
                        return Ok(());
                    }
                    if last_heard.elapsed() > SILENCE {
                        self.ping().await.map_err(|gone| {
                            let gone = gone.while_doing(request.what.clone()).with_id(ids::DOCKER_LOST);
                            let mut failure = gone.transient();
                            failure.kind = FailureKind::Failed;
                            Ended::Doubt(Box::new(failure))
                        })?;
                        last_heard = Instant::now();
                    }
                }
            }
        }
    }

    async fn uses_buildkit(&self, request: &BuildRequest) -> Result<bool, Failure> {
        Ok(!request.classic && self.engine().await?.api >= BUILDKIT_API)
    }

    fn options(request: &BuildRequest, buildkit: bool) -> BuildImageOptions {
        BuildImageOptions {
            dockerfile: request.dockerfile.clone(),
            t: Some(request.tag.clone()),
            buildargs: Some(request.args.clone().into_iter().collect::<HashMap<_, _>>()),
            target: request.target.clone().unwrap_or_default(),
            platform: request.platform.clone().unwrap_or_default(),
            rm: true,
            forcerm: true,
            version: if buildkit { BuilderVersion::BuilderBuildKit } else { BuilderVersion::BuilderV1 },
            // The client needs it for BuildKit; a session id must never be used twice.
            session: buildkit.then(|| unique_id("provision")),
            ..BuildImageOptions::default()
        }
    }
}

enum Ended {
    /// The daemon reported a failure.
    Failed(Box<Failure>),
    /// The response broke off, or could not be read.
    Doubt(Box<Failure>),
}

impl State {
    fn take(&mut self, info: BuildInfo, on_event: &(dyn Fn(BuildEvent<'_>) + Sync)) {
        let mut out = |line: &str| on_event(BuildEvent::Line(line));
        match info.aux {
            Some(BuildInfoAux::Default(image)) => {
                self.trace.classic_ended(&mut out);
                self.id = image.id.or(self.id.take());
            }
            Some(BuildInfoAux::BuildKit(status)) => {
                self.trace.buildkit(status, &mut out);
                self.trace.take_warnings().iter().for_each(|warning| on_event(BuildEvent::Warning(warning)));
                on_event(BuildEvent::Progress(self.trace.progress()));
            }
            None => {
                self.trace.classic(&info, &mut out);
                self.trace.take_warnings().iter().for_each(|warning| on_event(BuildEvent::Warning(warning)));
                if info.stream.is_some() || info.progress_detail.is_some() {
                    on_event(BuildEvent::Progress(self.trace.progress()));
                }
            }
        }
    }

    fn ended(&self, request: &BuildRequest, error: &Error) -> Ended {
        match error {
            Error::DockerStreamError { error } => Ended::Failed(Box::new(self.trace.failure(&request.what, error))),
            Error::DockerResponseServerError { .. } => {
                Ended::Failed(Box::new(failure::of_call(request.what.clone(), error)))
            }
            error => Ended::Doubt(Box::new(failure::of_call(request.what.clone(), error))),
        }
    }
}

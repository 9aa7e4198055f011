//! Errors of Docker, of builds and of images.

use crate::error::page::pages;

pages! {
    in DOCKER;
    DOCKER_UNREACHABLE = "docker-unreachable", Prerequisite, "the Docker daemon does not respond" {
        about: "Nothing answers where the Docker daemon should be. Nothing was changed.",
        causes: [
            "the daemon is not running",
            "Docker is not installed",
            "DOCKER_HOST or the chosen docker context leads to another place: the failure names what chose the address",
        ],
        look: [
            "`docker version` shows whether the docker program gets an answer",
            "`docker context ls` shows which daemon it would use",
            "`systemctl status docker` shows why the service is not running",
        ],
        fixes: [
            "`sudo systemctl start docker`; on macOS and Windows start Docker Desktop",
            "`unset DOCKER_HOST` uses the daemon of this machine",
            "install it: https://docs.docker.com/engine/install/",
        ],
        next: "provision doctor",
    }
    DOCKER_PERMISSION = "docker-permission", Prerequisite, "this user may not use the Docker daemon" {
        about: "The daemon's socket is there, and the system does not let this user open it. Nothing was changed.",
        causes: [
            "the user is not a member of the group `docker`",
            "the user was added, and this session is older than that",
        ],
        look: ["`id` shows the groups of this session", "`ls -l /var/run/docker.sock` shows who may use the socket"],
        fixes: [
            "`sudo usermod -aG docker \"$USER\"`, then log in again. Members of that group are as powerful as root on \
             this machine",
            "or use Docker without root: https://docs.docker.com/engine/security/rootless/",
        ],
        next: "provision doctor",
    }
    DOCKER_UNSUITABLE = "docker-unsuitable", Prerequisite, "what responds is not a Docker daemon that can be used" {
        about: "Something answers at the address of the daemon, and it is no Docker daemon, one that is too old, or \
                one behind an address of a form that is not supported. Nothing was changed.",
        causes: [
            "DOCKER_HOST leads to another server",
            "Docker Engine is too old",
            "an ssh:// address, which only the docker program supports",
        ],
        look: ["`docker version` shows the versions of program and daemon", "`docker context ls` shows the address"],
        fixes: [
            "update Docker Engine: https://docs.docker.com/engine/install/",
            "`unset DOCKER_HOST` uses the daemon of this machine",
            "for a daemon on another machine, forward its socket: `ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock \
             HOST`, and set DOCKER_HOST=unix:///tmp/docker.sock",
        ],
        next: "provision doctor",
    }
    DOCKER_CONTEXT = "docker-context", Prerequisite, "the docker program's configuration leads to no daemon" {
        about: "The daemon is found as the docker program finds it: by DOCKER_HOST, DOCKER_CONTEXT and the file \
                ~/.docker/config.json. One of them names a context that is not there, or the file can't be read.",
        causes: [
            "a docker context that was removed",
            "DOCKER_CONTEXT is set for another machine",
            "~/.docker/config.json is damaged",
        ],
        look: ["`docker context ls` lists the contexts that there are"],
        fixes: ["`docker context use default`", "correct or remove ~/.docker/config.json"],
        next: "provision doctor",
    }
    DOCKER_LOST = "docker-lost", Failed, "the Docker daemon went away during a call" {
        about: "The connection to the daemon broke, or it did not respond in time. What it was doing is in doubt, and \
                the next run checks it.",
        causes: [
            "the daemon was restarted or updated",
            "the machine is short of memory, and the daemon was killed",
            "the daemon is busy, such as with a very large image",
        ],
        look: [
            "`docker version` shows whether it responds again",
            "`journalctl -u docker --since -10min` shows what it says",
        ],
        fixes: [
            "`provision up` once it responds again",
            "a step that may meet this: `retry = { attempts = 3, delay = \"5s\" }`",
        ],
        next: "provision doctor",
    }
    IMAGE_BUILD_FAILED = "image-build-failed", Failed, "an image could not be built" {
        about: "A step of the Dockerfile failed. There is no new image; the one of an earlier build stays as it was.",
        causes: [
            "the command of that step failed: its last lines are shown",
            "a file that `COPY` names is not in the build context, or `.dockerignore` leaves it out",
            "a package server could not be reached",
        ],
        look: ["`provision logs STEP` shows the whole output of the build"],
        fixes: [
            "correct the step of the Dockerfile that is named, then `provision up`: the steps before it come from the \
             cache",
        ],
        next: "provision logs STEP",
    }
    BUILD_CONTEXT_INVALID = "build-context-invalid", Failed, "the files of a build are not there or can't be read" {
        about: "The build was not started, because its context or its Dockerfile is not where the pipeline says.",
        causes: [
            "`context` starts at the folder of pipeline.toml, `dockerfile` at the folder of the context",
            "the file is there under another name",
            "a file of the context can't be read by this user",
        ],
        look: ["`provision actions docker-build` shows both settings"],
        fixes: [
            "correct `context` or `dockerfile` of the step in pipeline.toml",
            "leave out what can't be read in `.dockerignore`",
        ],
        next: "provision plan STEP",
    }
    IMAGE_PULL_FAILED = "image-pull-failed", Failed, "an image could not be pulled" {
        about: "The Docker daemon, or the cluster's node, needs an image that it does not have, and could not get it \
                from a registry.",
        causes: [
            "the name or the tag is wrong",
            "it is an image of this project, which was never brought to where it is needed",
            "the registry needs a login, or limits how often one may pull",
            "no network, or a proxy that the daemon does not know",
        ],
        look: [
            "`docker pull IMAGE` shows what the registry says",
            "`KUBECTL -n NAMESPACE describe pod POD` shows what the node says",
        ],
        fixes: [
            "for an image of this project: a step `image-load` before the step that deploys it, and `imagePullPolicy: \
             Never` or `IfNotPresent`",
            "for another one: correct its name, or `docker login REGISTRY`",
        ],
        next: "provision logs STEP",
    }
    REGISTRY_LIMIT = "registry-limit", Failed, "a registry refuses further pulls for now" {
        about: "The registry counts the pulls of this address or account, and the limit is reached.",
        causes: ["many pulls without a login in a short time, often of several machines behind one address"],
        look: ["`provision logs STEP` shows which registry it is"],
        fixes: [
            "`docker login` gives an account's own limit",
            "wait some hours, then `provision up`",
            "take the image from a mirror",
        ],
        next: "provision logs STEP",
    }
    IMAGE_NOT_DELIVERED = "image-not-delivered", Failed, "an image did not arrive in the cluster's node" {
        about: "The image was sent and then looked for in the node under its id. It was not there, or another one has \
                its name.",
        causes: [
            "the node's disk is full",
            "the node was restarted meanwhile",
            "the Docker daemon runs on another machine and can't reach this process",
        ],
        look: ["`provision logs STEP` shows by which way it was sent", "`provision doctor` shows the disk of the node"],
        fixes: ["`provision up` sends it again; only what is missing is transferred"],
        next: "provision up",
    }
    IMAGE_GONE = "image-gone", Failed, "an image is not there any more, or its name means another one" {
        about: "An image that an earlier step made or brought is not what is found under its name now.",
        causes: [
            "somebody removed it: `docker image prune` or `docker system prune`",
            "something else has built or tagged an image of the same name",
            "the node was made again",
        ],
        look: ["`docker image ls` lists the images of the daemon", "`provision why STEP` shows what is missing"],
        fixes: ["`provision up` makes or brings it again"],
        next: "provision up",
    }
    IMAGE_TOO_BIG = "image-too-big", Failed, "an image is larger than it may be" {
        about: "The image was built, and is larger than `max-size` of its step.",
        causes: [
            "a large base image",
            "build tools and caches in the last stage",
            "files that `.dockerignore` does not leave out",
        ],
        look: ["`docker history IMAGE` shows the size of each layer"],
        fixes: [
            "build in a stage of its own and copy only the result",
            "use a smaller base image, such as a slim or alpine variant",
            "raise `max-size` if the size is right",
        ],
        next: "provision logs STEP",
    }
    IMAGE_FINDINGS = "image-findings", Failed, "an image is not as it should be" {
        about: "The files and the settings of the image were searched, and something was found that the step does not \
                accept: a secret in a layer, root as its user, a missing file, and the like.",
        causes: [
            "a file with secrets was copied into a layer; deleting it in a later layer does not help",
            "the Dockerfile names no user",
        ],
        look: [
            "the failure lists every finding with its layer and path",
            "`docker history IMAGE` shows which instruction made a layer",
        ],
        fixes: [
            "leave the file out with `.dockerignore`, and pass secrets with `--mount=type=secret`",
            "end the last stage with `USER` and a user other than root",
            "a secret that was in an image has to be replaced: others may have pulled it",
        ],
        next: "provision logs STEP",
    }
    COMPOSE_MISSING = "compose-missing", Prerequisite, "Docker Compose is not installed" {
        about: "A step starts a compose project, and there is neither the plugin `docker compose` nor the program \
                `docker-compose`.",
        causes: ["Docker was installed without the plugin"],
        look: ["`docker info` lists the plugins that the docker program has"],
        fixes: ["install the plugin: https://docs.docker.com/compose/install/linux/"],
        next: "provision doctor",
    }
    COMPOSE_SERVICE_DOWN = "compose-service-down", Failed, "services of a compose project are not up" {
        about: "The project was started, and some of its services have no container, have ended, or are not healthy. \
                What was started for the check is taken down again.",
        causes: [
            "the program ended with an error: its last lines are shown",
            "a service that it depends on was not ready yet",
            "its health check asks at the wrong place",
            "a service that is meant to end has to be named in `completes`",
        ],
        look: ["`provision logs STEP` shows the last lines of each service"],
        fixes: ["correct the service or its health check, then `provision up`"],
        next: "provision logs STEP",
    }
    CONTAINER_NOT_WORKING = "container-not-working", Failed, "a container does not work as it should" {
        about: "A container was started from the image for a check, and it ended, did not become healthy, or did not \
                stop when it was asked to. It was removed.",
        causes: [
            "the program needs an environment variable or a service that the step does not give it",
            "it listens on another port, or only on 127.0.0.1 inside of the container",
            "it does not handle SIGTERM, because a shell stands between: start it with `exec`",
        ],
        look: ["`provision logs STEP` shows what the container printed"],
        fixes: [
            "give it what it needs with `env` and `secrets` of the step",
            "listen on 0.0.0.0",
            "correct the health check or `path`",
        ],
        next: "provision logs STEP",
    }
}

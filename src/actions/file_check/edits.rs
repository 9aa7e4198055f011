//! A right file of each format passes, and each of many wrong edits of it fails with the message that names it.

use super::tests::{settings, wrong_of};

/// A file, its assertions as a step would have them, and edits with what is said of them: text, other text, message.
struct Case {
    file: &'static str,
    text: &'static str,
    settings: &'static str,
    edits: &'static [(&'static str, &'static str, &'static str)],
}

fn check(case: &Case) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(case.file);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    for (name, text) in [("docs/guide.md", "# Guide\n\n## First steps\n"), ("k8s/other.yaml", "a: 1\n")] {
        fs_err::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
        fs_err::write(dir.path().join(name), text).unwrap();
    }
    let settings = settings(&format!("path = \"{}\"\n{}", case.file, case.settings)).unwrap();
    fs_err::write(&path, case.text).unwrap();
    assert_eq!(wrong_of(dir.path(), &settings), Vec::<String>::new());
    for (from, to, message) in case.edits {
        assert_eq!(case.text.matches(from).count(), 1, "{from:?} has to be there once");
        fs_err::write(&path, case.text.replace(from, to)).unwrap();
        let wrong = wrong_of(dir.path(), &settings);
        assert_eq!(wrong.first().map(String::as_str), Some(*message), "{from:?} → {to:?}: {wrong:#?}");
    }
}

const YAML: Case = Case {
    file: "k8s/backend.yaml",
    text: "# The backend.\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: backend\n  labels:\n    \
               app.kubernetes.io/name: backend\nspec:\n  replicas: 2\n  strategy:\n    type: RollingUpdate\n    \
               rollingUpdate: {maxSurge: 1, maxUnavailable: 0}\n  template:\n    spec:\n      containers:\n        \
               - name: backend\n          image: todo-backend:latest\n          imagePullPolicy: Never\n          \
               envFrom:\n            - secretRef: {name: todo-secrets}\n          resources:\n            \
               limits: {cpu: 500m, memory: 512Mi}\n          livenessProbe: {httpGet: {path: /health, port: 8000}}\n\
               ---\napiVersion: v1\nkind: Service\nmetadata:\n  name: backend\nspec:\n  type: ClusterIP\n  ports:\n    \
               - port: 8000\n",
    settings: "object = \"Deployment/backend\"\nassert = [\n\
                   \"spec.replicas == 2\",\n\
                   \"metadata.labels['app.kubernetes.io/name'] == 'backend'\",\n\
                   \"spec.strategy.rollingUpdate.maxUnavailable == 0\",\n\
                   \"all(spec.template.spec.containers, imagePullPolicy == 'Never')\",\n\
                   \"any(spec.template.spec.containers[0].envFrom, secretRef.name == 'todo-secrets')\",\n\
                   \"quantity(spec.template.spec.containers[0].resources.limits.memory) <= quantity('512Mi')\",\n\
                   \"spec.template.spec.containers[0].livenessProbe.httpGet.path == '/health'\",\n\
                   \"object('Service', 'backend').spec.ports[0].port == 8000\",\n\
                   \"len(documents) == 2\",\n]",
    edits: &[
        (
            "replicas: 2",
            "replicas: 20",
            "`k8s/backend.yaml`, Deployment/backend, line 9: `spec.replicas` is 20, expected 2",
        ),
        (
            "replicas: 2",
            "replicas: \"2\"",
            "`k8s/backend.yaml`, Deployment/backend, line 9: `spec.replicas` is '2' (a string), expected 2",
        ),
        (
            "  replicas: 2",
            "  replica: 2",
            "`k8s/backend.yaml`, Deployment/backend, line 8: `spec.replicas` is not there; did you mean `replica`?",
        ),
        ("  replicas: 2\n", "", "`k8s/backend.yaml`, Deployment/backend, line 8: `spec.replicas` is not there"),
        (
            "  replicas: 2",
            "  # replicas: 2",
            "`k8s/backend.yaml`, Deployment/backend, line 8: `spec.replicas` is not there",
        ),
        (
            "  replicas: 2",
            "  replicas: 2\n  replicas: 3",
            "`k8s/backend.yaml`, Deployment/backend, line 10: `spec.replicas` is 3, expected 2",
        ),
        (
            "imagePullPolicy: Never",
            "imagePullPolicy: Always",
            "`k8s/backend.yaml`, Deployment/backend, line 18: `spec.template.spec.containers[0].imagePullPolicy` is \
                 'Always', expected 'Never'",
        ),
        (
            "maxUnavailable: 0",
            "maxUnavailable: 1",
            "`k8s/backend.yaml`, Deployment/backend, line 12: `spec.strategy.rollingUpdate.maxUnavailable` is 1, expected 0",
        ),
        (
            "name: todo-secrets",
            "name: todo-secret",
            "`k8s/backend.yaml`, Deployment/backend, line 19: nothing in `spec.template.spec.containers[0].envFrom`, of 1 \
                 item, has `secretRef.name == 'todo-secrets'`: `spec.template.spec.containers[0].envFrom[0].secretRef.name` \
                 is 'todo-secret', expected 'todo-secrets'",
        ),
        (
            "memory: 512Mi",
            "memory: 1Gi",
            "`k8s/backend.yaml`, Deployment/backend, line 22: \
                 `quantity(spec.template.spec.containers[0].resources.limits.memory)` is 1Gi, expected at most 512Mi",
        ),
        (
            "- port: 8000",
            "- port: 80",
            "`k8s/backend.yaml`, Deployment/backend, line 32: `Service/backend.spec.ports[0].port` is 80, expected 8000",
        ),
        (
            "kind: Deployment",
            "kind: StatefulSet",
            "`k8s/backend.yaml`, Deployment/backend: there is no Deployment/backend: there are StatefulSet/backend, \
                 Service/backend",
        ),
        (
            "kind: Service",
            "kind: [",
            "`k8s/backend.yaml`, line 28: while parsing a flow mapping, did not find expected ',' or '}'",
        ),
    ],
};

#[test]
fn yaml() {
    check(&YAML);
}

#[test]
fn dockerfile() {
    check(&Case {
        file: "frontend/Dockerfile",
        text: "ARG NODE=18\nFROM node:${NODE}-alpine AS deps\nWORKDIR /app\nCOPY package.json ./\nRUN npm ci\n\
               FROM node:${NODE}-alpine AS builder\nCOPY --from=deps /app/node_modules ./node_modules\nRUN npm run build\n\
               FROM node:${NODE}-alpine AS runner\nENV NODE_ENV=production\nRUN adduser -u 1001 nextjs\n\
               COPY --from=builder --chown=nextjs /app/.next/standalone ./\nUSER nextjs\nEXPOSE 3000\n\
               HEALTHCHECK --interval=30s CMD wget -q localhost:3000\nCMD [\"node\", \"server.js\"]\n",
        settings: "assert = [\n\
                   \"each(stages, name) == ['deps', 'builder', 'runner']\",\n\
                   \"all(stages, image == 'node:18-alpine')\",\n\
                   \"user == 'nextjs'\",\n\
                   \"3000 in ports\",\n\
                   \"command == ['node', 'server.js']\",\n\
                   \"healthcheck.interval == '30s'\",\n\
                   \"env.NODE_ENV == 'production'\",\n\
                   \"any(copies, from == 'builder' and chown == 'nextjs')\",\n\
                   \"any(runs, matches(it, 'adduser .*1001'))\",\n]",
        edits: &[
            (
                "USER nextjs",
                "USER nextjs\nUSER root",
                "`frontend/Dockerfile`, line 14: `user` is 'root', expected 'nextjs'",
            ),
            ("USER nextjs\n", "", "`frontend/Dockerfile`, line 9: `user` is not there"),
            ("USER nextjs", "# USER nextjs", "`frontend/Dockerfile`, line 9: `user` is not there"),
            (
                "FROM node:${NODE}-alpine AS runner",
                "FROM python:2.7 AS runner",
                "`frontend/Dockerfile`, line 9: `stages[2].image` is 'python:2.7', expected 'node:18-alpine'",
            ),
            (
                "ARG NODE=18",
                "ARG NODE=20",
                "`frontend/Dockerfile`, line 2: `stages[0].image` is 'node:20-alpine', expected 'node:18-alpine'",
            ),
            (
                "AS builder",
                "AS build",
                "`frontend/Dockerfile`, line 2: `each(stages, name)` is ['deps', 'build', 'runner'], expected ['deps', \
                 'builder', 'runner']",
            ),
            (
                "EXPOSE 3000",
                "EXPOSE 8080",
                "`frontend/Dockerfile`, line 9: `ports` is [8080], which does not have 3000",
            ),
            (
                "CMD [\"node\", \"server.js\"]",
                "CMD [\"node\", \"server.js\"]\nCMD npm start",
                "`frontend/Dockerfile`, line 17: `command` is 'npm start', expected ['node', 'server.js']",
            ),
            (
                "CMD [\"node\"",
                "HEALTHCHECK NONE\nCMD [\"node\"",
                "`frontend/Dockerfile`, line 9: `healthcheck` is not there",
            ),
            (
                "NODE_ENV=production",
                "NODE_ENV=development",
                "`frontend/Dockerfile`, line 10: `env.NODE_ENV` is 'development', expected 'production'",
            ),
            ("EXPOSE", "EXPOES", "`frontend/Dockerfile`, line 14: the instruction `EXPOES` is not known"),
        ],
    });
}

#[test]
fn dockerignore_and_env() {
    check(&Case {
        file: ".dockerignore",
        text: "node_modules\n.env*\n!.env.example\n**/*.md\n",
        settings: "assert = [\"ignores('node_modules/a/b.js')\", \"ignores('docs/x.md')\", \"ignores('.env.local')\", \
                   \"not ignores('.env.example')\", \"not ignores('src/app.js')\"]",
        edits: &[
            (
                "node_modules",
                "node_module",
                "`.dockerignore`: `ignores('node_modules/a/b.js')` is false, expected true",
            ),
            ("**/*.md", "*.md", "`.dockerignore`: `ignores('docs/x.md')` is false, expected true"),
            ("!.env.example", "", "`.dockerignore`: `ignores('.env.example')` is true, expected false"),
            (
                "**/*.md\n",
                "**/*.md\n!node_modules\n",
                "`.dockerignore`: `ignores('node_modules/a/b.js')` is false, expected true",
            ),
            ("**/*.md\n", "**/*.md\n*\n", "`.dockerignore`: `ignores('.env.example')` is true, expected false"),
        ],
    });
    check(&Case {
        file: ".env",
        text: "# Local.\nexport PORT=3000 # for the page\nTOKEN=\"a b#c\"\n",
        settings: "assert = [\"PORT == '3000'\", \"len(TOKEN) == 5\"]",
        edits: &[
            ("PORT=3000", "PORT=80", "`.env`, line 2: `PORT` is (hidden), expected '3000'"),
            ("PORT=3000", "PROT=3000", "`.env`: `PORT` is not there; did you mean `PROT`?"),
            ("TOKEN=", "TOKEN ", "`.env`, line 3: there is no `=`"),
        ],
    });
}

#[test]
fn json_and_toml() {
    check(&Case {
        file: "package.json",
        text: "{\n  \"name\": \"web\",\n  \"scripts\": {\n    \"build\": \"next build\"\n  },\n  \"dependencies\": {\n    \
               \"next\": \"14.2.3\"\n  }\n}\n",
        settings: "assert = [\"scripts.build == 'next build'\", \"satisfies(dependencies.next, '>=14, <15')\", \
                   \"dependencies['left-pad'] is undefined\"]",
        edits: &[
            ("next build", "next dev", "`package.json`, line 4: `scripts.build` is 'next dev', expected 'next build'"),
            (
                "14.2.3",
                "15.0.0",
                "`package.json`, line 7: `dependencies.next` is '15.0.0', which does not satisfy '>=14, <15'",
            ),
            (
                "\"next\": \"14.2.3\"",
                "\"next\": \"14.2.3\", \"left-pad\": \"1\"",
                "`package.json`, line 7: `dependencies['left-pad']` is '1', and should not be there",
            ),
            ("\"web\",", "\"web\"", "`package.json`, line 3: expected `,` or `}`"),
        ],
    });
    check(&Case {
        file: "pyproject.toml",
        text: "[project]\nname = \"todo\"\nrequires-python = \">=3.11\"\ndependencies = [\n  \"fastapi\",\n  \"sqlmodel\",\n]\n",
        settings: "assert = [\"project['requires-python'] == '>=3.11'\", \"'fastapi' in project.dependencies\"]",
        edits: &[
            (">=3.11", ">=3.8", "`pyproject.toml`, line 3: `project['requires-python']` is '>=3.8', expected '>=3.11'"),
            (
                "  \"fastapi\",\n",
                "",
                "`pyproject.toml`, line 4: `project.dependencies` is ['sqlmodel'], which does not have 'fastapi'",
            ),
            ("[project]", "[project", "`pyproject.toml`, line 1: unclosed table, expected `]`"),
        ],
    });
}

#[test]
fn markdown_and_text() {
    check(&Case {
        file: "k8s/README.md",
        text: "# Deployment\n\nSee [the guide](../docs/guide.md#first-steps) and [below](#resources), \
               [them](https://example.com/x).\n\n## Resources\n\n| Resource | Kind |\n|---|---|\n| backend | Deployment |\n\
               | todo | Ingress |\n\n```bash\nkubectl get pods\n```\n\n![picture](other.yaml)\n",
        settings: "assert = [\"headings[0].text == 'Deployment'\", \"any(headings, level == 2 and text == 'Resources')\", \
                   \"any(tables[0].rows, Kind == 'Ingress')\", \"len(tables[0].rows) == 2\", \
                   \"any(code, language == 'bash' and contains(text, 'kubectl'))\", \"broken_links == []\"]",
        edits: &[
            (
                "# Deployment\n",
                "# Deploy\n",
                "`k8s/README.md`, line 1: `headings[0].text` is 'Deploy', expected 'Deployment'",
            ),
            (
                "| todo | Ingress |\n",
                "",
                "`k8s/README.md`, line 7: nothing in `tables[0].rows`, of 1 item, has `Kind == 'Ingress'`: \
                 `tables[0].rows[0].Kind` is 'Deployment', expected 'Ingress'",
            ),
            (
                "guide.md",
                "guied.md",
                "`k8s/README.md`, line 3: `broken_links` is ['../docs/guied.md#first-steps: there is no `docs/guied.md`'], \
                 expected []",
            ),
            (
                "#first-steps",
                "#next-steps",
                "`k8s/README.md`, line 3: `broken_links` is ['../docs/guide.md#next-steps: there is no heading \
                 `#next-steps`'], expected []",
            ),
            (
                "../docs/guide.md#first-steps",
                "../../x.md",
                "`k8s/README.md`, line 3: `broken_links` is ['../../x.md: it leads out of the project'], expected []",
            ),
            (
                "![picture](other.yaml)",
                "![picture](none.png)",
                "`k8s/README.md`, line 16: `broken_links` is ['none.png: there is no `k8s/none.png`'], expected []",
            ),
            (
                "```bash",
                "```",
                "`k8s/README.md`: nothing in `code`, of 1 item, has `language == 'bash' and contains(text, \
                 'kubectl')`: `code[0].language` is '', expected 'bash'",
            ),
        ],
    });
    check(&Case {
        file: "next.config.js",
        text: "module.exports = {\n  output: \"standalone\",\n};\n",
        settings: "assert = [\"matches(text, 'output: .standalone')\", \"len(lines) == 3\", \"not any(lines, contains(it, 'debugger'))\"]",
        edits: &[
            (
                "standalone",
                "export",
                "`next.config.js`: `text` is 'module.exports = {\\n  output: \"export\",\\n};\\n', which does not match 'output: .standalone'",
            ),
            ("};", "};\n", "`next.config.js`: `len(lines)` is 4, expected 3"),
            (
                "};",
                "debugger};",
                "`next.config.js`, line 3: `lines[2]` has `contains(it, 'debugger')`, which nothing in `lines` may have",
            ),
        ],
    });
}

#[test]
fn a_file_with_several_objects_says_how_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs_err::write(dir.path().join("a.yaml"), "kind: A\n---\nkind: B\n---\n").unwrap();
    let of = |text: &str| wrong_of(dir.path(), &settings(&format!("path = \"a.yaml\"\n{text}")).unwrap());
    assert_eq!(
        of("assert = [\"kind == 'A'\"]"),
        ["`a.yaml`: `kind` is not there; the file has 2 documents: set `object`, or name one as `documents[0]`"]
    );
    assert_eq!(of("assert = [\"documents[0].kind == 'A'\"]"), Vec::<String>::new());
    assert_eq!(of("object = \"B\"\nassert = [\"kind == 'A'\"]"), ["`a.yaml`, B, line 3: `kind` is 'B', expected 'A'"]);
}

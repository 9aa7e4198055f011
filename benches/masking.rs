//! How fast output is masked: `cargo bench --bench masking`. Figures: docs/performance.md.

#![expect(clippy::print_stdout, reason = "the figures are what a bench is for")]

use provision::redact::{RedactStream, Redactor};

const BYTES: usize = 32 << 20;
/// What a pipe hands over at once.
const CHUNK: usize = 64 << 10;

/// The processor time of this thread: what else the machine does has no part in it.
fn cpu_seconds() -> f64 {
    let text = fs_err::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()).unwrap_or_default() / 1e9
}

fn measure(name: &str, secrets: &[String], text: &str, chunk: usize) {
    let redactor = Redactor::new();
    for secret in secrets {
        redactor.register(secret);
    }
    let block = text.repeat(chunk.div_ceil(text.len()));
    let block = &block.as_bytes()[..chunk];
    let mut stream = RedactStream::new(redactor);
    stream.push(block);
    let started = cpu_seconds();
    let mut written = 0;
    let n = (BYTES / chunk).min(1 << 16);
    for _ in 0..n {
        written += stream.push(block).len();
    }
    written += stream.finish().len();
    let seconds = cpu_seconds() - started;
    println!(
        "{name:50} {:8.0} MB/s ({written} bytes written)",
        f64::from(u32::try_from(n * chunk).unwrap_or(u32::MAX)) / 1e6 / seconds
    );
}

fn key(n: usize) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(digits[(state % 64) as usize])
    };
    (0..n).map(|n| if n % 65 == 64 { '\n' } else { next() }).collect()
}

fn main() {
    let log = "2026-11-26T05:12:15Z INFO  [worker-3] GET /api/v1/items?id=4711&page=2 200 in 12 ms (10.0.3.17)\n\
               #12 [builder 4/7] RUN cargo build --release --locked\n   Compiling serde v1.0.219\n\
               Step 3 of 7: waiting for deployment \"web\" to become ready (2 of 3 pods)\n";
    let json = r#"{"level":"info","ts":1764133935.123,"msg":"request \"done\"","path":"/api/v1/items","ms":12}"#
        .to_owned()
        + "\n";
    let digits = key(76) + "\n";
    let short = vec!["tr0ub4dor-and-3-horses".to_owned()];
    let many: Vec<String> = (0..10).map(|n| format!("pa's{n}/w&rd+<{n}>=!(x) y{}", n * 7919)).collect();
    let pem = vec![format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", key(3200))];
    measure("no secret, log", &[], log, CHUNK);
    for (name, secrets) in [("a password", &short), ("ten passwords", &many), ("a key of 3 KB", &pem)] {
        measure(&format!("{name}, log"), secrets, log, CHUNK);
        measure(&format!("{name}, JSON log"), secrets, &json, CHUNK);
        measure(&format!("{name}, base64"), secrets, &digits, CHUNK);
        measure(&format!("{name}, log in small chunks"), secrets, log, 100);
    }
    let secret = format!("{}{log}", short[0]);
    measure("a password, log that is full of it", &short, &secret, CHUNK);
}

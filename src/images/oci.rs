//! What the ways share of the OCI image layout: digests, and where a layout has what.

use std::fmt::Write;

use serde_json::json;
use sha2::{Digest, Sha256};

/// The file that says what kind of layout it is, with its content.
pub(super) const LAYOUT: (&str, &str) = ("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);

/// The media type of a manifest.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Returns the digest of `bytes`: `sha256:` and 64 hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Returns where a layout has the blob of this digest.
pub(super) fn blob(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}

/// Returns the `index.json` of a layout with one image, which gets the full name `name`.
pub(super) fn index(manifest: &[u8], media_type: &str, name: &str) -> String {
    let tag = name.rsplit(':').next().unwrap_or_default();
    json!({
        "schemaVersion": 2,
        "manifests": [{
            "mediaType": media_type,
            "digest": digest(manifest),
            "size": manifest.len(),
            "annotations": { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag },
        }],
    })
    .to_string()
}

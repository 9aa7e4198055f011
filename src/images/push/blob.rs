//! [`Blob`]: a layer on its way, in a file without a name; and the archive that is made of several.

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use std::io::{self, SeekFrom};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::error::{Context, Failure};
use crate::tools::docker::ImageBytes;

/// Bytes that are read at a time.
const CHUNK: usize = 256 << 10;

/// Bytes of a block of a tar archive.
const BLOCK: usize = 512;

/// Bytes that have come, in a temporary file that is gone with its last reader.
pub(super) struct Blob {
    /// The file; its position is its end.
    pub(super) file: tokio::fs::File,
    /// Its size.
    pub(super) size: u64,
}

impl Blob {
    /// Without any bytes.
    pub(super) fn create() -> io::Result<Self> {
        Ok(Self { file: tokio::fs::File::from_std(tempfile::tempfile()?), size: 0 })
    }

    /// Reads all of it.
    pub(super) async fn bytes(mut self) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(0)).await?;
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes).await?;
        Ok(bytes)
    }
}

/// What an entry of an archive contains.
pub(super) enum Content {
    Text(Vec<u8>),
    Blob(Blob),
}

/// Returns a tar archive of `entries`, each with its path.
pub(super) fn archive(entries: Vec<(String, Content)>) -> ImageBytes {
    let pieces = stream::iter(entries).flat_map(|(path, content)| entry(&path, content));
    let end = stream::once(async { Ok(Bytes::from_static(&[0; 2 * BLOCK])) });
    Box::pin(pieces.chain(end))
}

fn entry(path: &str, content: Content) -> ImageBytes {
    let size = match &content {
        Content::Text(text) => text.len() as u64,
        Content::Blob(blob) => blob.size,
    };
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(size);
    let named = header.set_path(path).context(|| format!("naming `{path}` in the image's archive"));
    header.set_cksum();
    let header = named.map(|()| Bytes::copy_from_slice(header.as_bytes()));
    let padding = usize::try_from(size.next_multiple_of(BLOCK as u64) - size).unwrap_or_default();
    let padding = stream::once(async move { Ok(Bytes::from(vec![0; padding])) });
    Box::pin(stream::once(async { header }).chain(body(content)).chain(padding))
}

fn body(content: Content) -> ImageBytes {
    let blob = match content {
        Content::Text(text) => return Box::pin(stream::once(async { Ok(Bytes::from(text)) })),
        Content::Blob(blob) => blob,
    };
    Box::pin(stream::unfold(Some((blob.file, 0, blob.size)), |state| async move {
        let (mut file, at, size) = state?;
        if at == size {
            return None;
        }
        match piece(&mut file, at, size).await {
            Ok(piece) => {
                let at = at + piece.len() as u64;
                Some((Ok(piece), Some((file, at, size))))
            }
            Err(failure) => Some((Err(failure), None)),
        }
    }))
}

async fn piece(file: &mut tokio::fs::File, at: u64, size: u64) -> Result<Bytes, Failure> {
    let what = || "reading a layer from its temporary file".to_owned();
    if at == 0 {
        file.seek(SeekFrom::Start(0)).await.context(what)?;
    }
    let mut piece = BytesMut::with_capacity(CHUNK.min(usize::try_from(size - at).unwrap_or(CHUNK)));
    if file.read_buf(&mut piece).await.context(what)? == 0 {
        return Err(Failure::failed(what()).cause("it is shorter than what was written"));
    }
    Ok(piece.freeze())
}

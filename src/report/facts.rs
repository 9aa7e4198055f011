//! [`Facts`]: a step's output as a JSON object.

use serde::Serialize;

use crate::model::Output;

/// The facts of an output by name.
pub(crate) struct Facts<'a>(pub(crate) &'a Output);

impl Serialize for Facts<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

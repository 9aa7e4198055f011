//! More of the kills of `repair`.

use std::collections::BTreeMap;

use crate::repair::{delete, finished_after_a_kill};
use crate::workbench::Workbench;

// While minikube makes the node, while Kubernetes starts in it, and while minikube waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_was_killed_anywhere_is_finished_by_the_next() {
    let profile = "provision-killed";
    let bench = Workbench::bare(profile, profile, BTreeMap::new());
    for seconds in [1, 4, 7, 12, 18, 22, 26] {
        delete(&bench, profile).await;
        finished_after_a_kill(&bench, seconds).await;
    }
    delete(&bench, profile).await;
}

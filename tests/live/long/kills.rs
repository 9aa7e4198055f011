//! More of the kills of `repair`.

use crate::repair::killed_and_finished;

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_was_killed_anywhere_is_finished_by_the_next() {
    killed_and_finished("provision-killed", &[1, 4, 7, 18, 26]).await;
}

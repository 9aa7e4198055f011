//! The whole example is proven again after its cluster was lost, and after it was stopped.

use crate::main_job::{minikube_of, own_pipeline, remove_images, verdicts};

/// The cluster of this test: made and deleted by it.
const PROFILE: &str = "provision-test-lost";

#[test]
fn the_whole_example_is_proven_again_after_its_cluster_was_deleted_or_stopped() {
    minikube_of(PROFILE, "delete");
    let sandbox = own_pipeline(PROFILE);
    sandbox.run(&["up"]).code(0);
    let first = verdicts(&sandbox);

    minikube_of(PROFILE, "delete");
    sandbox.run(&["up"]).code(0);
    assert_eq!(verdicts(&sandbox), first);

    // Stopped is repaired as well, and an image that is gone from the daemon is built again.
    minikube_of(PROFILE, "stop");
    remove_images("todo-backend");
    sandbox.run(&["up"]).code(0).says("build.backend");
    assert_eq!(verdicts(&sandbox), first);
    minikube_of(PROFILE, "delete");
}

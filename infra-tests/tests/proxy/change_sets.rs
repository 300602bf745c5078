//! The life of a drift-aware change set that is not executed.

use std::time::Duration;

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{ChangeSetStatus, ExecutionStatus, StackDriftStatus};

use super::world::{QUEUE, World, client, output};

#[tokio::test]
async fn a_change_set_without_drift_fails_in_the_words_of_aws() {
    let world = World::start().await;
    world.create("shop", QUEUE).await;
    let plan = world.plan_revert("shop").await;
    assert_eq!(plan.status(), Some(&ChangeSetStatus::Failed));
    assert_eq!(plan.execution_status(), Some(&ExecutionStatus::Unavailable));
    assert!(
        plan.status_reason().is_some_and(|why| why.starts_with("The submitted information didn't contain changes."))
    );
    assert_eq!(plan.stack_drift_status(), Some(&StackDriftStatus::InSync));

    let id = plan.change_set_id().expect("a change set has an id");
    let refused = world.client.execute_change_set().change_set_name(id).send().await.expect_err("nothing to execute");
    assert_eq!(refused.code(), Some("InvalidChangeSetStatus"));

    let listed = world.client.list_change_sets().stack_name("shop").send().await.expect("change sets are listed");
    assert_eq!(listed.summaries().len(), 1);
    world.client.delete_change_set().change_set_name(id).send().await.expect("the change set is deleted");
    let listed = world.client.list_change_sets().stack_name("shop").send().await.expect("change sets are listed");
    assert_eq!(listed.summaries().len(), 0);
    let gone = world.client.describe_change_set().change_set_name(id).send().await.expect_err("it is gone");
    assert_eq!(gone.code(), Some("ChangeSetNotFound"));
}

#[tokio::test]
async fn a_change_set_of_a_stack_that_moved_on_is_obsolete() {
    let world = World::start().await;
    let queue = output(&world.create("shop", QUEUE).await, "QueueUrl");
    world.set_visibility(&queue, "77").await;
    let plan = world.plan_revert("shop").await;
    let changed = QUEUE.replace("gold", "silver");
    // The emulator's clock tells milliseconds.
    tokio::time::sleep(Duration::from_millis(5)).await;
    world.client.update_stack().stack_name("shop").template_body(changed).send().await.expect("the stack is updated");
    world.settled("shop").await;

    let id = plan.change_set_id().expect("a change set has an id");
    let described = world.client.describe_change_set().change_set_name(id).send().await.expect("it is still known");
    assert_eq!(described.execution_status(), Some(&ExecutionStatus::Obsolete));
    let refused = world.client.execute_change_set().change_set_name(id).send().await.expect_err("it is obsolete");
    assert_eq!(refused.code(), Some("InvalidChangeSetStatus"));
    let again =
        world.client.create_change_set().stack_name("shop").change_set_name("revert").use_previous_template(true);
    assert_eq!(again.send().await.expect_err("the name is taken").code(), Some("AlreadyExistsException"));
}

#[tokio::test]
async fn two_accounts_with_the_same_names_do_not_meet() {
    let world = World::start().await;
    let queue = output(&world.create("shop", QUEUE).await, "QueueUrl");
    world.set_visibility(&queue, "77").await;
    world.plan_revert("shop").await;

    let other = client(&world.proxy, "222233334444");
    other.create_stack().stack_name("shop").template_body(QUEUE).send().await.expect("the stack is created");
    let unknown = other.describe_change_set().stack_name("shop").change_set_name("revert").send().await;
    assert_eq!(unknown.expect_err("it is another account's").code(), Some("ChangeSetNotFound"));
}

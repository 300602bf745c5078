//! A call with a token is made once, however often it is sent.

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::ChangeSetType;

use super::world::{QUEUE, World};

#[tokio::test]
async fn a_token_is_one_effect_and_stands_for_one_call_only() {
    let world = World::start().await;
    let made = world.client.create_change_set().stack_name("shop").change_set_name("first").template_body(QUEUE);
    let made = made.change_set_type(ChangeSetType::Create).send().await.expect("it is made");
    let id = made.id().expect("a change set has an id");
    let execute =
        |token: &str| world.client.execute_change_set().change_set_name(id).client_request_token(token).send();
    execute("one").await.expect("it is executed");
    world.settled("shop").await;
    execute("one").await.expect("it was executed");
    let other = execute("two").await.expect_err("another deed");
    assert_eq!(other.code(), Some("InvalidChangeSetStatus"));
    let taken = world.client.execute_change_set().change_set_name("other").stack_name("shop");
    let taken = taken.client_request_token("one").send().await.expect_err("another call");
    assert_eq!(taken.code(), Some("TokenAlreadyExistsException"));
}

//! Things go wrong as asked.

use std::time::Duration;

use aws_sdk_cloudformation::error::ProvideErrorMetadata;

use super::world::{QUEUE, World};

#[tokio::test]
async fn faults_come_as_asked_and_end() {
    let world = World::start().await;
    world.create("shop", QUEUE).await;
    let describe = || world.client.describe_stacks().stack_name("shop").send();

    world.proxy.refuse("DescribeStacks", 1, "Throttling");
    let refused = describe().await.expect_err("it is throttled");
    assert_eq!((refused.code(), refused.message()), (Some("Throttling"), Some("Rate exceeded")));
    describe().await.expect("only one call is throttled");

    world.proxy.lose_reply("UpdateStack");
    let changed = QUEUE.replace("gold", "silver");
    let lost = world.client.update_stack().stack_name("shop").template_body(changed).send().await;
    let lost = lost.expect_err("the answer is lost");
    assert!(lost.as_service_error().is_none() && lost.raw_response().is_none(), "no answer at all: {lost:?}");
    let stack = world.settled("shop").await;
    assert_eq!(stack.stack_status().map(|status| status.as_str()), Some("UPDATE_COMPLETE"));

    world.proxy.hold("DescribeStacks", Duration::from_millis(300));
    let start = std::time::Instant::now();
    describe().await.expect("a held call is answered");
    assert!(start.elapsed() >= Duration::from_millis(300));
    world.proxy.clear_faults();
    let start = std::time::Instant::now();
    describe().await.expect("the stack is there");
    assert!(start.elapsed() < Duration::from_millis(300));
}

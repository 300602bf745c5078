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

#[tokio::test]
async fn an_operation_lasts_as_long_as_it_was_told_to() {
    let world = World::start().await;
    let hour = Duration::from_secs(3600);
    world.proxy.takes("slow", hour);
    world.create("quick", QUEUE).await;
    world.client.create_stack().stack_name("slow").template_body(QUEUE).send().await.expect("the stack is begun");
    let all = world.client.describe_stacks().send().await.expect("both are there");
    let mut told: Vec<_> = all
        .stacks()
        .iter()
        .map(|stack| (stack.stack_name().unwrap_or_default(), stack.stack_status().map(|status| status.as_str())))
        .collect();
    told.sort();
    assert_eq!(told, [("quick", Some("CREATE_COMPLETE")), ("slow", Some("CREATE_IN_PROGRESS"))]);
    let slow = all.stacks().iter().find(|stack| stack.stack_name() == Some("slow")).expect("it is there");
    assert!(slow.outputs().is_empty(), "nobody knows them yet");
    let events = world.client.describe_stack_events().stack_name("slow").send().await.expect("it has events");
    let ended = |event: &&aws_sdk_cloudformation::types::StackEvent| {
        event.logical_resource_id() == Some("slow")
            && event.resource_status().is_some_and(|status| status.as_str() == "CREATE_COMPLETE")
    };
    assert_eq!(events.stack_events().iter().filter(ended).count(), 0);
    let operations = world.proxy.operations();
    assert_eq!(operations.iter().map(|one| one.ended - one.began).collect::<Vec<_>>(), [hour]);
}

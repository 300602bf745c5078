//! What a change set tells of values.

use aws_sdk_cloudformation::types::{ChangeSetStatus, Parameter};
use serde_json::Value;

use super::world::{QUEUE, World, output};

#[tokio::test]
async fn a_change_set_is_told_without_values_unless_they_are_asked_for() {
    let world = World::start().await;
    let queue = output(&world.create("shop", QUEUE).await, "QueueUrl");
    world.set_visibility(&queue, "77").await;
    world.plan_revert("shop").await;
    let plain = world.client.describe_change_set().stack_name("shop").change_set_name("revert");
    let plain = plain.send().await.expect("the change set is described");
    let resource = plain.changes()[0].resource_change().expect("a change of a resource");
    let target = resource.details()[0].target().expect("a detail has a target");
    assert_eq!((target.name(), target.before_value()), (Some("VisibilityTimeout"), None));
    assert_eq!(resource.before_context(), None);
}

#[tokio::test]
async fn an_ordinary_change_set_tells_the_values_it_changes() {
    let world = World::start().await;
    world.create("shop", QUEUE).await;
    let template = QUEUE.replace("\"Tags\": [{", "\"DelaySeconds\": 3, \"Tags\": [{");
    let seconds = Parameter::builder().parameter_key("Seconds").parameter_value("9").build();
    let request = world.client.create_change_set().stack_name("shop").change_set_name("change");
    let request = request.template_body(template).parameters(seconds);
    request.send().await.expect("the change set is created");
    let described = world.client.describe_change_set().stack_name("shop").change_set_name("change");
    let described = described.include_property_values(true).send().await.expect("the change set is described");

    assert_eq!(described.status(), Some(&ChangeSetStatus::CreateComplete));
    let changes = described.changes().iter().filter_map(|change| change.resource_change());
    let queue =
        changes.clone().find(|change| change.logical_resource_id() == Some("Queue")).expect("the queue changes");
    let targets = queue.details().iter().filter_map(|detail| detail.target());
    let mut values: Vec<_> = targets.map(|told| (told.path(), told.before_value(), told.after_value())).collect();
    values.sort();
    values.dedup();
    let delay = (Some("/Properties/DelaySeconds"), None, Some("3"));
    let visibility = (Some("/Properties/VisibilityTimeout"), Some("5"), Some("9"));
    assert_eq!(values, [delay, visibility]);
    let context = |text: Option<&str>| serde_json::from_str::<Value>(text.expect("a context")).expect("JSON");
    assert_eq!(context(queue.before_context())["Properties"]["VisibilityTimeout"], "5");
    assert_eq!(context(queue.after_context())["Properties"]["VisibilityTimeout"], "9");
}

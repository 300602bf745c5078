//! Every call is counted.

use serde_json::Value;

use super::world::{ACCOUNT, QUEUE, World};

#[tokio::test]
async fn every_call_is_counted_once_with_its_bytes() {
    let world = World::start().await;
    world.create("shop", QUEUE).await;
    let earlier = world.proxy.counts();
    for _ in 0..3 {
        world.client.describe_stacks().stack_name("shop").send().await.expect("the stack is there");
    }
    world.client.describe_stacks().stack_name("nothing").send().await.expect_err("no such stack");
    // The proxy asks the emulator much more for this, in its own name.
    world.plan_revert("shop").await;

    let counts = world.proxy.counts().since(&earlier);
    assert_eq!(counts.of("DescribeStacks"), 4);
    assert_eq!(counts.total().calls, 6);
    let rows: Vec<_> = counts.iter().map(|(row, tally)| (row.action.as_str(), row.status, tally.calls)).collect();
    let expected = [
        ("CreateChangeSet", 200, 1),
        ("DescribeChangeSet", 200, 1),
        ("DescribeStacks", 200, 3),
        ("DescribeStacks", 400, 1),
    ];
    assert_eq!(rows, expected);
    assert!(counts.iter().all(|(row, tally)| {
        row.service == "cloudformation" && row.caller == ACCOUNT && tally.sent > 0 && tally.received > 0
    }));

    let address = format!("{}/_proxy/counts", world.proxy.url());
    let shown =
        world.http.get(&address).send().await.expect("counts are shown").text().await.expect("the answer is whole");
    let shown: Value = serde_json::from_str(&shown).expect("counts are JSON");
    assert_eq!(shown, world.proxy.counts().json());
    world.http.delete(&address).send().await.expect("counts are reset");
    assert_eq!(world.proxy.counts().total().calls, 0);
}

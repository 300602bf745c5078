//! The benchmark of messages, at the size of a toy: it measures, and what it counts is right.

use anyhow::Result;
use infra_tests::bench::cases::{Cases, run};

#[tokio::test]
async fn many_changes_at_once_are_few_messages_and_every_press_is_heard() -> Result<()> {
    let report = run(&Cases { changes: 4, storm: 120, looked_at: 300 }).await?;
    println!("{report}");
    let line = report.lines().find(|line| line.contains("messages and replies")).unwrap_or_default();
    let messages: Option<u32> = line.split('|').nth(2).and_then(|cell| cell.split(',').next()?.trim().parse().ok());
    // One message, and one reply that holds what it has no room for.
    assert!(messages.is_some_and(|messages| (1..=3).contains(&messages)), "{report}");
    assert!(report.contains("presses |") && !report.contains(" 0 presses"), "{report}");
    Ok(())
}

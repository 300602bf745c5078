//! How often a method may be called, as Slack says it in "Rate limits": a message a second in one
//! channel, and for everything else a tier of calls a minute in the workspace.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Allowances by method and channel, from the moment they are asked for.
#[derive(Default)]
pub(super) struct Rates {
    buckets: HashMap<String, Bucket>,
    /// Which calls came too fast, in order.
    pub(super) refused: Vec<String>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

/// So many calls at once, and one more each `every`.
struct Rate {
    burst: f64,
    every: Duration,
}

impl Rates {
    /// None where the call may be made, else after how many seconds it may.
    pub(super) fn take(&mut self, method: &str, arguments: &Value, now: Instant) -> Option<u64> {
        let rate = rate(method);
        let channel = if method == "chat.postMessage" { arguments["channel"].as_str() } else { None };
        let key = format!("{method} {}", channel.unwrap_or_default());
        let bucket = self.buckets.entry(key).or_insert(Bucket { tokens: rate.burst, at: now });
        let grown = now.duration_since(bucket.at).as_secs_f64() / rate.every.as_secs_f64();
        (bucket.tokens, bucket.at) = ((bucket.tokens + grown).min(rate.burst), now);
        if bucket.tokens < 1.0 {
            self.refused.push(method.to_owned());
            return Some(((1.0 - bucket.tokens) * rate.every.as_secs_f64()).ceil() as u64);
        }
        bucket.tokens -= 1.0;
        None
    }
}

fn rate(method: &str) -> Rate {
    let tier = |burst: u32, a_minute: u32| Rate { burst: f64::from(burst), every: Duration::from_secs(60) / a_minute };
    match method {
        "chat.postMessage" => Rate { burst: 1.0, every: Duration::from_secs(1) },
        "apps.connections.open" => tier(3, 1),
        "usergroups.users.list" => tier(5, 20),
        "chat.update" | "conversations.history" => tier(10, 50),
        _ => tier(20, 100),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_channel_takes_a_message_a_second_and_another_one_its_own() {
        let mut rates = Rates::default();
        let begin = Instant::now();
        let mut post = |channel: &str, after: u64| {
            rates.take("chat.postMessage", &json!({"channel": channel}), begin + Duration::from_millis(after))
        };
        assert_eq!([post("C1", 0), post("C1", 400), post("C2", 400), post("C1", 1000)], [None, Some(1), None, None]);
        assert_eq!(rates.refused, ["chat.postMessage"]);
    }

    #[test]
    fn edits_come_in_a_burst_and_then_at_fifty_a_minute() {
        let mut rates = Rates::default();
        let begin = Instant::now();
        let taken = (0..12).filter(|_| rates.take("chat.update", &json!({}), begin).is_none()).count();
        assert_eq!(taken, 10);
        assert_eq!(rates.take("chat.update", &json!({}), begin + Duration::from_millis(1300)), None);
    }
}

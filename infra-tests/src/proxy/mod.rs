//! Stands in front of the AWS emulator: counts every call, supplies what the emulator lacks, and
//! makes things go wrong on purpose.
//!
//! A call reaches the emulator as it was sent, unless a row of [`SUPPLIED`] answers it in the shapes
//! of AWS's own documents, or a test asked for a fault.

mod alteration;
mod answer;
mod call;
mod capabilities;
mod counts;
mod crowd;
mod duration;
mod exports;
mod faults;
mod form;
mod nested;
mod pretence;
mod property_values;
mod record;
mod revert_drift;
mod serve;
mod supplied;
mod template;
mod tokens;
mod trail;
mod upstream;
mod xml;

pub use counts::{Counted, Counts, Tally};
pub use duration::Operation;
pub use faults::{LONGEST_HOLD, MOST_TIMES};
pub use pretence::PretendedEvent;
pub use supplied::{Behaviour, SUPPLIED};

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use serve::Desk;

/// A running proxy; it stops when it is dropped.
pub struct Proxy {
    url: String,
    desk: Arc<Desk>,
    /// Dropping it ends the server and its idle connections.
    _stop: oneshot::Sender<()>,
}

impl Proxy {
    /// Listens on a free port of loopback and passes on to `upstream`, such as `http://127.0.0.1:4566`.
    pub async fn start(upstream: String) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port on loopback")?;
        let url = format!("http://{}", listener.local_addr()?);
        let desk = Arc::new(Desk::new(&upstream)?);
        let router = serve::router(Arc::clone(&desk));
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move {
            let _ = stopped.await;
        };
        tokio::spawn(axum::serve(listener, router).with_graceful_shutdown(stopped).into_future());
        Ok(Self { url, desk, _stop: stop })
    }

    /// The address to use as AWS's endpoint.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All calls since the start or the last reset.
    pub fn counts(&self) -> Counts {
        self.desk.counts()
    }

    pub fn reset_counts(&self) {
        self.desk.reset_counts();
    }

    /// Delays the answers of an action, until told otherwise; the calls themselves are not delayed.
    pub fn hold(&self, action: &str, duration: Duration) {
        self.desk.faults().hold(action, duration);
    }

    /// Answers the next `times` calls of an action with an error instead of performing them.
    pub fn refuse(&self, action: &str, times: u32, code: &str) {
        self.desk.faults().refuse(action, times, code);
    }

    /// As [`Proxy::refuse`], with the error's own words.
    pub fn refuse_saying(&self, action: &str, times: u32, code: &str, message: &str) {
        self.desk.faults().refuse_saying(action, times, code, message);
    }

    /// Gives an element of an action's result another text, until the faults are cleared.
    pub fn say(&self, action: &str, element: &str, text: &str) {
        self.desk.alterations().word(action, element, text);
    }

    /// Leaves a stack out of the next `times` answers of DescribeStacks.
    pub fn leave_out(&self, stack: &str, times: u32) {
        self.desk.alterations().leave_out(stack, times);
    }

    /// Tells `count` stacks of the names `LIKE-0` and on, each like this one, instead of all there are.
    pub fn gather(&self, like: &str, count: usize) {
        self.desk.crowd().gather(like, count);
    }

    /// Tells operations on a stack as under way for so long; the emulator ends them at once.
    pub fn takes(&self, stack: &str, duration: Duration) {
        self.desk.durations().set(stack, duration);
    }

    /// The operations on stacks whose duration is set, in the order in which they began.
    pub fn operations(&self) -> Vec<Operation> {
        self.desk.durations().operations()
    }

    /// Performs the next call of an action, then drops the connection instead of answering.
    pub fn lose_reply(&self, action: &str) {
        self.desk.faults().lose_reply(action);
    }

    /// Refuses calls of these actions, taken together, beyond so many a second in one account and
    /// region: `Throttling`.
    pub fn limit(&self, actions: &[&str], per_second: f64) {
        self.desk.faults().limit(actions, per_second);
    }

    /// Tells another status of a stack than it has.
    pub fn pretend(&self, stack: &str, status: &str) {
        self.desk.pretences().status(stack, status);
    }

    /// Tells these events of a stack, the oldest first, instead of its own.
    pub fn pretend_events(&self, stack: &str, events: Vec<PretendedEvent>) {
        self.desk.pretences().events(stack, events);
    }

    /// What an early validation found wrong with each change set that fails: the resource, the path, why.
    pub fn find_invalid(&self, logical_id: &str, path: &str, why: &str) {
        self.desk.pretences().invalid(logical_id, path, why);
        let reason = "The following validation(s) failed: [AWS::EarlyValidation::PropertyValidation]. To troubleshoot, use the DescribeEvents API.";
        self.say("DescribeChangeSet", "Status", "FAILED");
        self.say("DescribeChangeSet", "StatusReason", reason);
    }

    /// An event of CloudTrail's history that names a resource, as its log files hold it.
    pub fn record(&self, resource: &str, event: serde_json::Value) {
        self.desk.trail().record(resource, event);
    }

    /// The text of a field in each call of CloudFormation's action so far, in their order.
    pub fn sent(&self, action: &str, field: &str) -> Vec<Option<String>> {
        self.desk.record().sent(action, field)
    }

    pub fn clear_faults(&self) {
        self.desk.alterations().clear();
        self.desk.pretences().clear();
        self.desk.faults().clear();
    }
}

//! Runs the actions that follow a deployment, as far as the operator allows them.
//!
//! What a program prints may hold what nobody is to read, so it is shown nowhere: whether it ended
//! well is all that is told.

use std::process::Stdio;
use std::time::Duration;

use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::primitives::Blob;
use tokio::process::Command;

use super::action::Action;
use super::due::Due;
use super::realm::Realm;
use super::veil::Veil;
use crate::aws::{Session, failure};
use crate::unit::{KindError, Outputs, Progress};

/// A function runs no longer than fifteen minutes, and its answer takes a moment.
const LONGEST: Duration = Duration::from_secs(905);

/// What a program must not know: our own secrets, and credentials of another account than the stack's.
const TAKEN_AWAY: [&str; 3] = ["GROUNDPLAN_", "AWS_CONTAINER_", "AWS_WEB_IDENTITY_"];
const TAKEN_AWAY_BY_NAME: [&str; 5] =
    ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ROLE_ARN", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"];

/// The actions of one stack, and what they may know of it.
pub(super) struct Actions<'a> {
    pub(super) realm: &'a Realm,
    pub(super) stack: &'a str,
    pub(super) outputs: &'a Outputs,
    pub(super) veil: &'a Veil,
    pub(super) progress: &'a Progress,
}

impl Actions<'_> {
    /// Runs them one after the other; the first that fails is the last.
    pub(super) async fn run(&self, all: &[Action], due: &Due) -> Result<(), KindError> {
        for action in all.iter().filter(|action| action.is_allowed(&self.realm.aws.settings().actions)) {
            let said = self.veil.sentence(&action.said());
            self.progress.say(format!("running {said}"));
            self.one(action).await.map_err(|why| {
                let told = format!("the stack `{}` is deployed, and its action `{said}` failed: {why}", self.stack);
                KindError::failed(told)
                    .hint("the next plan from this machine names it again; what it printed is kept nowhere")
            })?;
            due.done(action)?;
        }
        due.clear();
        Ok(())
    }

    async fn one(&self, action: &Action) -> Result<(), String> {
        let session = self.realm.session().await.map_err(|error| error.message)?;
        match action {
            Action::Exec(words) => program(&session, words).await,
            Action::Shell(line) => program(&session, &["sh".to_owned(), "-c".to_owned(), line.clone()]).await,
            Action::Lambda(function) => self.invoke(&session, function).await,
            Action::LambdaOf(output) => match self.outputs.get(output) {
                None => Err(format!("the stack has no output `{output}`")),
                Some(function) if self.realm.aws.settings().actions.lambda.contains(function) => {
                    self.invoke(&session, function).await
                }
                Some(function) => Err(format!("the operator does not allow the function `{function}`")),
            },
        }
    }

    /// Never tried twice by itself: nobody knows whether a function bears that.
    async fn invoke(&self, session: &Session, function: &str) -> Result<(), String> {
        let config = session.for_writing().await.map_err(|error| error.message)?;
        let patient = TimeoutConfig::builder()
            .read_timeout(LONGEST)
            .operation_attempt_timeout(LONGEST)
            .operation_timeout(LONGEST)
            .build();
        let config = Builder::from(&config).retry_config(RetryConfig::disabled()).timeout_config(patient);
        let payload = serde_json::json!({"stack": self.stack, "event": "PostDeploy"});
        let call = aws_sdk_lambda::Client::from_conf(config.build()).invoke().function_name(function);
        let answer = Box::pin(call.payload(Blob::new(payload.to_string())).send()).await;
        let answer = answer.map_err(|error| failure(format!("cannot invoke `{function}`"), error).message)?;
        match (answer.function_error, answer.status_code) {
            (None, 200..=299) => Ok(()),
            (Some(kind), _) => Err(format!("the function ended with an error ({kind})")),
            (None, code) => Err(format!("the function answered {code}")),
        }
    }
}

/// Runs a program in an empty folder, with the environment of this one and the keys of the stack's account.
async fn program(session: &Session, words: &[String]) -> Result<(), String> {
    let (name, arguments) = words.split_first().ok_or("there is no program")?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let keys = session.variables().await.map_err(|error| error.message)?;
    let mut command = Command::new(name);
    command.args(arguments).current_dir(folder.path()).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if TAKEN_AWAY.iter().any(|start| text.starts_with(start)) || TAKEN_AWAY_BY_NAME.contains(&text.as_ref()) {
            command.env_remove(&name);
        }
    }
    command.envs(keys.iter().map(|(name, value)| (*name, value.expose())));
    let mut child = command.spawn().map_err(|error| format!("cannot start `{name}`: {error}"))?;
    match tokio::time::timeout(LONGEST, child.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("it ended with {status}")),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => {
            // Its own end is what counts; that it cannot be killed twice does not.
            let _ = child.kill().await;
            Err(format!("it was not done after {} s", LONGEST.as_secs()))
        }
    }
}

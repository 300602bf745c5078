//! Why Slack could not be told.

use std::time::Duration;

use slack_morphism::errors::SlackClientError;

/// A call to Slack that did not do what it should. Holds no token and no body of an answer.
#[derive(Debug, thiserror::Error)]
pub enum SlackError {
    /// The settings lack something, or something in them cannot be used.
    #[error("Slack is not set up: {0}")]
    Unusable(String),
    #[error("no Slack channel is set for the alerts `{alerts}`: set one under `channels`, or one for `default`")]
    NoChannel { alerts: String },
    /// Slack answered, and said no with this word.
    #[error("cannot {deed}: Slack says `{word}`")]
    Refused { deed: String, word: String },
    /// Slack asked to be left alone more often than we try.
    #[error("cannot {deed}: Slack asks for fewer calls")]
    Throttled { deed: String, wait: Option<Duration> },
    #[error("cannot {deed}: Slack does not answer ({why})")]
    Unreachable { deed: String, why: String },
}

impl SlackError {
    pub(super) fn unusable(why: impl Into<String>) -> Self {
        SlackError::Unusable(why.into())
    }

    /// The word that Slack refused with.
    pub fn word(&self) -> Option<&str> {
        match self {
            SlackError::Refused { word, .. } => Some(word),
            SlackError::Unusable(_) | SlackError::NoChannel { .. } => None,
            SlackError::Throttled { .. } | SlackError::Unreachable { .. } => None,
        }
    }

    /// What it is counted as: Slack's word, or one of ours.
    pub fn code(&self) -> &str {
        match self {
            SlackError::Refused { word, .. } => word,
            SlackError::Unusable(_) => "unusable",
            SlackError::NoChannel { .. } => "no_channel",
            SlackError::Throttled { .. } => "ratelimited",
            SlackError::Unreachable { .. } => "unreachable",
        }
    }

    /// How long Slack asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            SlackError::Throttled { wait, .. } => *wait,
            SlackError::Unusable(_) | SlackError::NoChannel { .. } => None,
            SlackError::Refused { .. } | SlackError::Unreachable { .. } => None,
        }
    }

    /// Whether the same call may well succeed later.
    pub fn will_pass(&self) -> bool {
        match self {
            SlackError::Throttled { .. } | SlackError::Unreachable { .. } => true,
            SlackError::Unusable(_) | SlackError::NoChannel { .. } => false,
            SlackError::Refused { word, .. } => {
                matches!(word.as_str(), "ratelimited" | "internal_error" | "fatal_error" | "service_unavailable")
            }
        }
    }

    /// Whether the message that was to be updated is no more, so that a new one is due.
    pub fn message_is_gone(&self) -> bool {
        matches!(self.word(), Some("message_not_found" | "cant_update_message" | "edit_window_closed"))
    }

    /// Whether it is the channel that takes nothing from us, so that another one may.
    pub fn is_about_the_channel(&self) -> bool {
        let words = ["channel_not_found", "is_archived", "not_in_channel", "restricted_action"];
        self.word().is_some_and(|word| words.contains(&word))
    }

    /// Whether plainer blocks may be accepted.
    pub(super) fn is_about_blocks(&self) -> bool {
        let words = ["invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"];
        self.word().is_some_and(|word| words.contains(&word))
    }
}

/// The library's error without the bodies it quotes, which may hold a single-use address.
pub(super) fn plainly(deed: &str, error: SlackClientError) -> SlackError {
    let deed = deed.to_owned();
    let why = match error {
        SlackClientError::ApiError(api) => return SlackError::Refused { deed, word: api.code },
        SlackClientError::RateLimitError(limit) => return SlackError::Throttled { deed, wait: limit.retry_after },
        SlackClientError::HttpError(http) => format!("status {}", http.status_code.as_u16()),
        SlackClientError::ProtocolError(_) => "an answer that is no JSON of Slack's".to_owned(),
        SlackClientError::HttpProtocolError(error) => error.cause.map_or_else(unknown, |cause| chain(&*cause)),
        SlackClientError::SystemError(error) => error.cause.map_or_else(unknown, |cause| chain(&*cause)),
        SlackClientError::EndOfStream(_) | SlackClientError::SocketModeProtocolError(_) => unknown(),
    };
    SlackError::Unreachable { deed, why }
}

fn unknown() -> String {
    "the connection broke".to_owned()
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

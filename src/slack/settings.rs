//! What an operator says of Slack, outside the repository.

use std::collections::BTreeMap;

use super::SlackError;
use crate::unit::Secret;

/// Which workspace, with which rights, and which channel an `alerts:` name means.
#[derive(Clone, Debug, Default)]
pub struct SlackSettings {
    /// `xoxb-…`: posts and updates messages.
    pub bot_token: Option<Secret>,
    /// `xapp-…`: opens Socket Mode, so that buttons work without a way in from outside.
    pub app_token: Option<Secret>,
    /// Proves that a request to `/slack/interactions` comes from Slack.
    pub signing_secret: Option<Secret>,
    /// Where the Web API is; none: Slack's own.
    pub api_url: Option<String>,
    /// Channel ids by the names that environments use in `alerts:`. The channel of `default` serves
    /// those that name none.
    pub channels: BTreeMap<String, String>,
}

/// The name of the channel for those that name none.
const DEFAULT: &str = "default";
const SLACK: &str = "https://slack.com/api";

impl SlackSettings {
    /// The Web API's address without a slash at its end.
    ///
    /// A token goes over plain HTTP to this machine only.
    pub(super) fn api_url(&self) -> Result<String, SlackError> {
        let url = self.api_url.as_deref().unwrap_or(SLACK).trim_end_matches('/');
        let parsed: http::Uri = url.parse().map_err(|_| SlackError::unusable(format!("`{url}` is no address")))?;
        let here = matches!(parsed.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
        match parsed.scheme_str() {
            Some("https") => Ok(url.to_owned()),
            Some("http") if here => Ok(url.to_owned()),
            _ => Err(SlackError::unusable(format!("`{url}` is not https: a token would be sent in the clear"))),
        }
    }

    /// The channels for an environment's `alerts:`: its own, and the default one for when that takes nothing from us.
    pub(super) fn channels(&self, alerts: Option<&str>) -> Result<Vec<&str>, SlackError> {
        let name = alerts.unwrap_or(DEFAULT);
        let mut channels: Vec<&str> =
            [name, DEFAULT].into_iter().filter_map(|name| self.channels.get(name)).map(String::as_str).collect();
        channels.dedup();
        match channels.is_empty() {
            true => Err(SlackError::NoChannel { alerts: name.to_owned() }),
            false => Ok(channels),
        }
    }

    /// Whether there is a channel beside one, for what that does not take any more.
    pub fn has_another_channel(&self, alerts: Option<&str>, than: &str) -> bool {
        self.channels(alerts).is_ok_and(|channels| channels.iter().any(|channel| *channel != than))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> SlackSettings {
        SlackSettings { api_url: Some(url.to_owned()), ..SlackSettings::default() }
    }

    #[test]
    fn a_token_goes_over_plain_http_to_this_machine_only() {
        assert_eq!(at("http://127.0.0.1:4000/api/").api_url().ok(), Some("http://127.0.0.1:4000/api".to_owned()));
        assert!(at("https://slack.example/api").api_url().is_ok());
        assert!(at("http://slack.example/api").api_url().is_err());
        assert!(at("http://127.0.0.1.example/api").api_url().is_err());
        assert!(at("slack").api_url().is_err());
    }

    #[test]
    fn an_environment_without_a_channel_of_its_own_tells_the_default_one() {
        let channels =
            BTreeMap::from([("default".to_owned(), "C1".to_owned()), ("platform".to_owned(), "C2".to_owned())]);
        let settings = SlackSettings { channels, ..SlackSettings::default() };
        assert_eq!(settings.channels(Some("platform")).ok(), Some(vec!["C2", "C1"]));
        assert_eq!(settings.channels(Some("unheard-of")).ok(), Some(vec!["C1"]));
        assert_eq!(settings.channels(None).ok(), Some(vec!["C1"]));
        assert!(SlackSettings::default().channels(None).is_err());
    }

    #[test]
    fn settings_can_be_printed_without_telling_a_token() {
        let settings = SlackSettings { bot_token: Some(Secret::new("xoxb-canary")), ..SlackSettings::default() };
        assert!(!format!("{settings:?}").contains("canary"));
    }
}

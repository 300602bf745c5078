//! What of a value may be kept and sent: numbers, switches, addresses, images and sizes; of all else
//! only how long it is.
//!
//! Denied by default: Slack keeps what an edit replaced, and a store outlives the secret's rotation
//! by years. The rooms that know a value's meaning have masked it before; this is the second look,
//! for what they could not know.

use crate::unit::{Difference, Shown};

/// A difference as it may leave the process.
pub fn redact(difference: &Difference) -> Difference {
    let secret = is_secret_place(&difference.item, &difference.path);
    let value = |shown: &Option<Shown>| shown.as_ref().map(|shown| redacted(shown, secret, &difference.path));
    Difference { from: value(&difference.from), to: value(&difference.to), ..difference.clone() }
}

/// An error's words without what looks like a credential in them.
pub fn scrub(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace).map(|word| match looks_secret(word) {
        true => "(hidden) ",
        false => word,
    });
    words.collect::<String>().trim_end().to_owned()
}

fn redacted(shown: &Shown, secret: bool, path: &str) -> Shown {
    // The letters that tell hidden values apart differ in each process, and would look like news.
    let hidden = || Shown::Hidden(String::new());
    match shown {
        Shown::Hidden(_) => hidden(),
        Shown::Text(_) if secret => hidden(),
        Shown::Text(text) if is_image(path, text) => shown.clone(),
        Shown::Text(text) if looks_secret(text) => hidden(),
        Shown::Text(text) if may_be_told(path, text) => shown.clone(),
        Shown::Text(text) => Shown::text(format!("({} characters)", text.chars().count())),
    }
}

/// Places whose values are secrets, or may be: an environment's values, a start script, anything
/// with such a name.
fn is_secret_place(item: &str, path: &str) -> bool {
    const WORDS: &[&str] = &["pass", "pwd", "token", "secret", "key", "cred", "auth", "dsn", "userdata", "connection"];
    let path = path.to_ascii_lowercase();
    let environment = path.contains("env[") || path.contains("/environment") || path.contains("/env/");
    let kind = item.starts_with("Secret ") || item.contains("AWS::SecretsManager::");
    kind || environment || WORDS.iter().any(|word| path.contains(word))
}

fn may_be_told(path: &str, text: &str) -> bool {
    is_number_or_size(text)
        || is_address(text)
        || is_port(text)
        || matches!(text, "true" | "false" | "null" | "")
        || (is_choice(path) && is_word(text))
}

/// `30`, `-1`, `0.5`, `512Mi`, `250m`, `80%`.
fn is_number_or_size(text: &str) -> bool {
    const UNITS: &[&str] =
        &["", "%", "m", "k", "K", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "ms", "s", "h", "d", "B", "KB", "MB", "GB"];
    let digits = text.trim_start_matches('-').trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    text.len() <= 20
        && text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && UNITS.contains(&digits)
        && text.contains(|c: char| c.is_ascii_digit())
}

fn is_address(text: &str) -> bool {
    let (address, length) = text.split_once('/').unwrap_or((text, "0"));
    address.parse::<std::net::IpAddr>().is_ok() && length.parse::<u8>().is_ok_and(|length| length <= 128)
}

/// `80-443`, `8080/TCP`.
fn is_port(text: &str) -> bool {
    let (port, protocol) = text.split_once('/').unwrap_or((text, "TCP"));
    let number = |text: &str| text.parse::<u16>().is_ok();
    let (from, to) = port.split_once('-').unwrap_or((port, port));
    number(from) && number(to) && matches!(protocol.to_ascii_uppercase().as_str(), "TCP" | "UDP" | "SCTP")
}

fn is_image(path: &str, text: &str) -> bool {
    let name = last(path).to_ascii_lowercase();
    let (reference, digest) = text.split_once("@sha256:").unwrap_or((text, ""));
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
    matches!(name.as_str(), "image" | "imageuri")
        && text.len() <= 300
        && reference.chars().all(fits)
        && digest.chars().all(|c| c.is_ascii_hexdigit())
        && !reference.split(['/', ':']).any(looks_secret)
}

/// Properties whose values come from a list that everyone knows.
fn is_choice(path: &str) -> bool {
    const NAMES: &[&str] = &[
        "accesscontrol",
        "apiversion",
        "architecture",
        "billingmode",
        "class",
        "concurrencypolicy",
        "dbinstanceclass",
        "deletionpolicy",
        "effect",
        "engine",
        "engineversion",
        "externaltrafficpolicy",
        "imagepullpolicy",
        "instanceclass",
        "instancetype",
        "ipprotocol",
        "kind",
        "mode",
        "nodetype",
        "pathtype",
        "protocol",
        "restartpolicy",
        "runtime",
        "sessionaffinity",
        "status",
        "storageclassname",
        "storagetype",
        "streamviewtype",
        "tier",
        "type",
    ];
    NAMES.contains(&last(path).to_ascii_lowercase().as_str())
}

fn is_word(text: &str) -> bool {
    text.len() <= 40 && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// The name at the end of a path, without an index.
fn last(path: &str) -> &str {
    let names = path.split(['/', '.', '[', ']']);
    names.rev().find(|part| !part.is_empty() && !part.contains('=') && part.parse::<u32>().is_err()).unwrap_or("")
}

/// Shapes that are credentials wherever they stand.
fn looks_secret(text: &str) -> bool {
    const BEGINNINGS: &[&str] =
        &["xoxb-", "xoxp-", "xapp-", "ghp_", "gho_", "github_pat_", "glpat-", "sk_live_", "AIza"];
    let account = |text: &str| {
        text.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().is_some_and(|host| host.contains('@')))
    };
    let words = text.split(|c: char| c.is_whitespace() || "=,;\"'()<>{}".contains(c));
    text.contains("-----BEGIN")
        || account(text)
        || words.into_iter().any(|word| {
            let key_id = word.len() == 20 && (word.starts_with("AKIA") || word.starts_with("ASIA"));
            let token = word.starts_with("eyJ") && word.matches('.').count() == 2;
            key_id || token || BEGINNINGS.iter().any(|start| word.starts_with(start)) || is_random(word)
        })
}

/// Twenty letters and more that look drawn by lot.
fn is_random(word: &str) -> bool {
    let of_a_key = |c: char| c.is_ascii_alphanumeric() || "+/_=-".contains(c);
    let has = |fits: fn(&char) -> bool| word.chars().any(|c| fits(&c));
    // A path or a name with words in it repeats letters more than a key does.
    let words = word.split(['/', '-', '_']).filter(|part| part.len() > 3).count();
    word.len() >= 20
        && words < 3
        && word.chars().all(of_a_key)
        && has(char::is_ascii_digit)
        && has(char::is_ascii_alphabetic)
        && entropy(word) > 3.5
}

/// Bits a letter.
fn entropy(word: &str) -> f64 {
    let mut counts = [0_u32; 256];
    word.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let length = word.len() as f64;
    let of = |count: &u32| -> f64 {
        let share = f64::from(*count) / length;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::{Cause, Effect};

    fn told(item: &str, path: &str, value: &str) -> String {
        let difference = Difference {
            item: item.into(),
            path: path.into(),
            from: Some(Shown::text(value)),
            to: None,
            cause: Cause::Drifted,
            effect: Effect::InPlace,
            who: None,
        };
        match redact(&difference).from {
            Some(Shown::Hidden(letters)) => format!("hidden{letters}"),
            Some(Shown::Text(text)) => text,
            None => "absent".to_owned(),
        }
    }

    #[test]
    fn values_of_a_known_harmless_class_are_told() {
        let corpus = [
            ("/Properties/VisibilityTimeout", "45"),
            ("spec.replicas", "5"),
            ("spec.template.spec.containers[name=web].image", "registry.example/shop/web:9.9.9"),
            ("spec.containers[0].image", "web@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
            ("spec.template.spec.containers[name=web].resources.limits.memory", "512Mi"),
            ("resources.limits.cpu", "250m"),
            ("/Properties/SecurityGroupIngress/0/CidrIp", "10.0.0.0/16"),
            ("/Properties/CidrIpv6", "::/0"),
            ("spec.ports[0].port", "8080/TCP"),
            ("/Properties/PubliclyAccessible", "true"),
            ("/Properties/Engine", "postgres"),
            ("/Properties/DBInstanceClass", "db.t3.micro"),
            ("spec.type", "LoadBalancer"),
        ];
        for (path, value) in corpus {
            assert_eq!(told("apps/Deployment shop/web", path, value), value, "{path}");
        }
    }

    #[test]
    fn the_corpus_of_secrets_is_hidden_or_only_counted() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N";
        let corpus = [
            ("Secret shop/web", "data.password", "aHVudGVyMg=="),
            ("Secret shop/web", "data.anything", "4711"),
            ("apps/Deployment shop/web", "spec.template.spec.containers[name=web].env[name=MODE].value", "canary-1"),
            ("Fn (AWS::Lambda::Function)", "/Properties/Environment/Variables/MODE", "canary"),
            ("Host (AWS::EC2::Instance)", "/Properties/UserData", "#!/bin/sh\ncanary"),
            ("Db (AWS::RDS::DBInstance)", "/Properties/MasterUserPassword", "123456"),
            ("Parameters", "/ApiToken", "9"),
            ("ConfigMap shop/web", "data.dsn", "x"),
            ("ConfigMap shop/web", "data.url", "postgres://shop:canary@db/shop"),
            ("ConfigMap shop/web", "data.note", "AKIAIOSFODNN7EXAMPLE"),
            ("ConfigMap shop/web", "data.note", jwt),
            ("ConfigMap shop/web", "data.note", "-----BEGIN PRIVATE KEY-----"),
            ("ConfigMap shop/web", "data.note", "k9Zq3xT7vB2mN8pL4wR6yH1d"),
            ("apps/Deployment shop/web", "spec.containers[0].image", "xoxb-canary-1"),
        ];
        for (item, path, value) in corpus {
            assert_eq!(told(item, path, value), "hidden", "{item} {path}");
        }
    }

    #[test]
    fn what_no_class_knows_is_told_by_its_length() {
        assert_eq!(told("ConfigMap shop/web", "data.greeting", "hunter2"), "(7 characters)");
        assert_eq!(told("Jobs (AWS::SQS::Queue)", "/Properties/QueueName", "grüße"), "(5 characters)");
        assert_eq!(told("Jobs (AWS::SQS::Queue)", "/Properties/Type", "not one word"), "(12 characters)");
    }

    #[test]
    fn an_error_keeps_its_words_and_loses_its_credentials() {
        let error = "cannot ask postgres://u:canary@db/x with AKIAIOSFODNN7EXAMPLE in eu-west-1";
        assert_eq!(scrub(error), "cannot ask (hidden) with (hidden) in eu-west-1");
        let plain = "stacks/shop.111111111111/eu-west-1/jobs: no answer in 20s";
        assert_eq!(scrub(plain), plain);
    }
}

//! The last words of a container, with every secret taken out of them.

/// Enough to see why it stopped; the rest stands in the cluster.
const LINES: usize = 5;
const LONGEST_LINE: usize = 200;
/// A shorter value stands in half the words of a log.
const SHORTEST_SECRET: usize = 4;
/// Whatever follows one of these in a line is taken out.
const WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "authorization",
    "bearer",
    "credential",
    "private",
];
const TAKEN_OUT: &str = "***";

/// The last lines of a log, short, on one line each, and without `secrets` or what looks like one.
pub(super) fn last_words(log: &str, secrets: &[String]) -> Vec<String> {
    let mut log = log.to_owned();
    // Before the log is cut into lines: a secret may have several.
    let mut known: Vec<&String> = secrets.iter().filter(|secret| secret.len() >= SHORTEST_SECRET).collect();
    known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in known {
        log = log.replace(secret.as_str(), TAKEN_OUT);
        for line in secret.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_SECRET) {
            log = log.replace(line, TAKEN_OUT);
        }
    }
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(|line| short(&veiled(line))).collect()
}

fn veiled(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let end = WORDS.iter().filter_map(|word| lower.find(word).map(|at| at + word.len())).min();
    let (told, rest) = line.split_at(end.unwrap_or(line.len()));
    let words: Vec<String> = told.split(' ').map(veiled_word).collect();
    let rest = if rest.trim().is_empty() { "" } else { TAKEN_OUT };
    let between = if rest.is_empty() { "" } else { " " };
    format!("{}{between}{rest}", words.join(" "))
}

/// A word that holds credentials in an address, or that nobody would read aloud.
fn veiled_word(word: &str) -> String {
    if let Some((before, after)) = word.split_once("://")
        && let Some((_, host)) = after.split_once('@')
    {
        return format!("{before}://{TAKEN_OUT}@{host}");
    }
    let is_key = word.contains("AKIA") || word.contains("ASIA") || word.contains("-----BEGIN");
    let is_random = word.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '=' | '_')).any(|part| {
        part.len() >= 24
            && part.contains(|c: char| c.is_ascii_digit())
            && part.contains(|c: char| c.is_ascii_alphabetic())
    });
    if is_key || is_random { TAKEN_OUT.to_owned() } else { word.to_owned() }
}

/// Without what a terminal would obey.
fn short(line: &str) -> String {
    line.chars().filter(|letter| !letter.is_control()).take(LONGEST_LINE).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_told_and_each_is_short() {
        let log = (0..20).map(|at| format!("line {at} {}\u{1b}[31m\n", "x ".repeat(200))).collect::<String>();
        let told = last_words(&log, &[]);
        assert_eq!(told.len(), 5);
        assert!(told[4].starts_with("line 19") && told.iter().all(|line| line.chars().count() <= 200));
        assert!(!told.concat().contains('\u{1b}'));
        assert_eq!(last_words("\n\n", &[]), Vec::<String>::new());
    }

    #[test]
    fn what_a_secret_holds_is_taken_out_wherever_it_stands() {
        let secrets = ["hunter2".to_owned(), "first half\nsecond half".to_owned(), "no".to_owned()];
        let told = last_words("no route: user=hunter2x\nfirst half\nkey second half.", &secrets);
        assert_eq!(told, ["no route: user=***x", "***", "key ***."]);
    }

    #[test]
    fn what_looks_like_a_secret_is_taken_out_too() {
        for (line, told) in [
            ("cannot reach postgres://app:s3cr3t@db:5432/shop", "cannot reach postgres://***@db:5432/shop"),
            ("DB_PASSWORD=abc is wrong", "DB_PASSWORD ***"),
            ("Authorization: Bearer x.y", "Authorization ***"),
            ("got 0a1b2c3d4e5f60718293a4b5c6d7e8f9 instead", "got *** instead"),
            ("used AKIAIOSFODNN7EXAMPLE", "used ***"),
            ("listen tcp 127.0.0.1:80: permission denied", "listen tcp 127.0.0.1:80: permission denied"),
        ] {
            assert_eq!(last_words(line, &[]), [told]);
        }
    }
}

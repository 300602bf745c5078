//! A channel as text, for a terminal.

use serde_json::Value;

use super::world::{Message, State};

/// Every message as it stands, oldest first.
pub(super) fn show(state: &State, channel: &str) -> String {
    let Some(id) = state.channel_id(channel) else { return format!("there is no channel `{channel}`\n") };
    let channel = &state.channels[&id];
    let mut out = format!("# {}\n", channel.name);
    for message in channel.messages.iter().filter(|message| !message.deleted) {
        out += &format!("\n{}", framed(&lines(state, message)));
    }
    out
}

fn lines(state: &State, message: &Message) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(user) = &message.ephemeral_to {
        lines.push(format!("(only {} sees this)", name_of(state, user)));
    }
    match message.now()["blocks"].as_array() {
        Some(blocks) => blocks.iter().for_each(|one| block(state, one, &mut lines)),
        None => lines.extend(words(state, &message.now()["text"])),
    }
    if message.versions.len() > 1 {
        lines.push(format!("(edited, version {})", message.versions.len()));
    }
    lines
}

fn block(state: &State, block: &Value, lines: &mut Vec<String>) {
    match block["type"].as_str().unwrap_or_default() {
        "header" => {
            lines.extend(words(state, &block["text"]));
            lines.push(String::new());
        }
        "section" => {
            lines.extend(words(state, &block["text"]));
            lines.extend(block["fields"].as_array().into_iter().flatten().map(|field| {
                let mut words = words(state, field).into_iter();
                format!("{:<12} {}", words.next().unwrap_or_default(), words.collect::<Vec<_>>().join(" · "))
            }));
            lines.extend(block.get("accessory").map(button));
            lines.push(String::new());
        }
        "actions" => {
            let buttons: Vec<_> = block["elements"].as_array().into_iter().flatten().map(button).collect();
            lines.extend([buttons.join(" "), String::new()]);
        }
        "context" => lines.extend(block["elements"].as_array().into_iter().flatten().flat_map(|one| words(state, one))),
        "divider" => lines.push("─".repeat(40)),
        "markdown" => lines.extend(block["text"].as_str().unwrap_or_default().lines().map(str::to_owned)),
        other => lines.push(format!("({other})")),
    }
}

fn button(element: &Value) -> String {
    let text = element["text"]["text"].as_str().or(element["placeholder"]["text"].as_str());
    format!("[{}]", text.or(element["alt_text"].as_str()).unwrap_or("⋯"))
}

/// A text object or a bare string, as a reader sees it.
pub(super) fn words(state: &State, text: &Value) -> Vec<String> {
    let Some(raw) = text.as_str().or(text["text"].as_str()) else { return Vec::new() };
    let marked = text["type"] == "mrkdwn" || text.is_string();
    raw.lines().map(|line| if marked { read(state, line) } else { unescaped(line) }).collect()
}

/// Without the marks: `*bold*`, `` `code` ``, `<@U1>`, `<!date^…|fallback>`, `<https://…|text>`.
fn read(state: &State, line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(start) = rest.find('<') {
        let Some(length) = rest[start..].find('>') else { break };
        out += &unmarked(&rest[..start]);
        let inside = &rest[start + 1..start + length];
        let (target, label) = inside.split_once('|').map_or((inside, None), |(target, label)| (target, Some(label)));
        out += &match (target.strip_prefix('@'), label) {
            (Some(user), _) => format!("@{}", name_of(state, user)),
            (None, Some(label)) => label.to_owned(),
            (None, None) => target.to_owned(),
        };
        rest = &rest[start + length + 1..];
    }
    unescaped(&(out + &unmarked(rest)))
}

fn unmarked(text: &str) -> String {
    let code: Vec<_> = text.split('`').collect();
    let outside = |(index, part): (usize, &&str)| match index % 2 {
        0 => part.replace('*', "").split('_').collect::<Vec<_>>().join(""),
        _ => (*part).to_owned(),
    };
    code.iter().enumerate().map(outside).collect()
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

pub(super) fn name_of(state: &State, user: &str) -> String {
    state.users.get(user).map_or(user, |user| &user.name).to_owned()
}

fn framed(lines: &[String]) -> String {
    let mut text = String::from("┌\n");
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    for line in &lines[..end] {
        text += format!("│ {line}").trim_end();
        text.push('\n');
    }
    text + "└\n"
}

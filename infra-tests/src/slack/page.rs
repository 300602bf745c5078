//! A channel as a page for a browser: what people would see, as far as a simulator can draw it.

use serde_json::Value;

use super::show::{self, name_of};
use super::world::{Message, State};

const STYLE: &str = "body{font:15px/1.45 sans-serif;margin:24px;max-width:820px;color:#1d1c1d}\
    h1{font-size:17px;border-bottom:1px solid #ddd;padding-bottom:8px}\
    article{display:grid;grid-template-columns:40px 1fr;gap:10px;margin:18px 0}\
    article.reply{margin-left:50px}\
    .face{width:36px;height:36px;border-radius:6px;background:#2d6a4f;color:#fff;text-align:center;line-height:36px}\
    .who{font-weight:700}.app{background:#e8e8e8;font-size:11px;padding:1px 4px;border-radius:3px;margin-left:4px}\
    .header{font-size:18px;font-weight:700;margin:4px 0}.text{white-space:pre-wrap;margin:6px 0}\
    .fields{display:grid;grid-template-columns:1fr 1fr;gap:8px;white-space:pre-wrap}\
    button{font:600 13px sans-serif;padding:6px 12px;margin:4px 8px 4px 0;border:1px solid #bbb;border-radius:4px;background:#fff}\
    button.primary{background:#007a5a;color:#fff;border-color:#007a5a}\
    .context,.edited{font-size:12px;color:#616061}.only{font-size:12px;color:#616061;font-style:italic}";

/// Every message as it stands, oldest first, replies below what they answer.
pub(super) fn page(state: &State, channel: &str) -> String {
    let Some(id) = state.channel_id(channel) else { return document("there is no such channel", String::new()) };
    let channel = &state.channels[&id];
    let there: Vec<_> = channel.messages.iter().filter(|message| !message.deleted).collect();
    let thread = |message: &Message| message.now()["thread_ts"].as_str().map(str::to_owned);
    let mut body = String::new();
    for root in there.iter().filter(|message| thread(message).is_none()) {
        body += &article(state, root, "");
        for reply in there.iter().filter(|message| thread(message).as_deref() == Some(&root.ts)) {
            body += &article(state, reply, "reply");
        }
    }
    document(&channel.name, body)
}

fn document(name: &str, body: String) -> String {
    let name = escaped(name);
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>#{name}</title><style>{STYLE}</style>\
         <h1># {name}</h1>{body}</html>"
    )
}

fn article(state: &State, message: &Message, class: &str) -> String {
    let mut inside = "<span class=who>groundplan</span><span class=app>APP</span>".to_owned();
    if let Some(user) = &message.ephemeral_to {
        inside += &format!("<div class=only>Only visible to {}</div>", escaped(&name_of(state, user)));
    }
    match message.now()["blocks"].as_array() {
        Some(blocks) => blocks.iter().for_each(|one| inside += &block(state, one)),
        None => inside += &format!("<div class=text>{}</div>", words(state, &message.now()["text"])),
    }
    if message.versions.len() > 1 {
        inside += "<div class=edited>(edited)</div>";
    }
    format!("<article class='{class}'><div class=face>G</div><div>{inside}</div></article>")
}

fn block(state: &State, block: &Value) -> String {
    let div = |class: &str, inside: String| format!("<div class={class}>{inside}</div>");
    match block["type"].as_str().unwrap_or_default() {
        "header" => div("header", words(state, &block["text"])),
        "section" => {
            let text = block.get("text").map(|text| div("text", words(state, text))).unwrap_or_default();
            let fields = block["fields"].as_array().into_iter().flatten();
            let fields: String = fields.map(|field| div("field", words(state, field))).collect();
            if fields.is_empty() { text } else { text + &div("fields", fields) }
        }
        "actions" => block["elements"].as_array().into_iter().flatten().map(button).collect(),
        "context" => {
            let elements = block["elements"].as_array().into_iter().flatten();
            div("context", elements.map(|element| words(state, element)).collect())
        }
        other => div("text", format!("({})", escaped(other))),
    }
}

fn button(element: &Value) -> String {
    let label = element["text"]["text"].as_str().or(element["placeholder"]["text"].as_str()).unwrap_or("⋯");
    let class = element["style"].as_str().unwrap_or_default();
    format!("<button class='{}'>{}</button>", escaped(class), escaped(label))
}

fn words(state: &State, text: &Value) -> String {
    let lines = show::words(state, text);
    lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("\n")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;")
}

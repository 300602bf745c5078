//! One difference as one line of a message.

use super::text;
use crate::cases::Risk;
use crate::unit::{Difference, Effect, Shown, UnitId, Who};

const ITEM: usize = 80;
const PATH: usize = 80;
const VALUE: usize = 70;

/// `• network/vpc apps/Deployment shop/web replicas: 5 → 3`, at most about 330 characters.
pub(super) fn line(unit: &UnitId, difference: &Difference) -> String {
    let Difference { item, path, from, to, effect, cause: _, who: _ } = difference;
    let mark = if effect.is_gentle() { "🟡" } else { "🔴" };
    let place = match path.as_str() {
        "" => text::code(item, ITEM),
        path => format!("{} {}", text::code(item, ITEM), text::code(path, PATH)),
    };
    let (from, to) = (text::value(from.as_ref(), VALUE), text::value(to.as_ref(), VALUE));
    format!("{mark} *{}* {place}: {from} → {to}{}", name(unit), consequence(*effect))
}

/// `• network/vpc`, where nothing is known of what drifted in it.
pub(super) fn whole(unit: &UnitId, risk: Risk) -> String {
    let mark = if risk == Risk::Risky { "🔴" } else { "🟡" };
    format!("{mark} *{}*", name(unit))
}

/// Whether the line of a difference holds all of its values and its place.
pub(super) fn tells_all(difference: &Difference) -> bool {
    let Difference { item, path, from, to, .. } = difference;
    let fits = |text: &str, budget: usize| text.chars().count() + 2 <= budget;
    let value = |shown: &Option<Shown>| match shown {
        Some(Shown::Text(text)) => fits(text, VALUE),
        Some(Shown::Hidden(_)) | None => true,
    };
    fits(item, ITEM) && fits(path, PATH) && value(from) && value(to)
}

/// The last two parts of a unit's path: what people call it.
pub(super) fn name(unit: &UnitId) -> String {
    let start = unit.as_str().rmatch_indices('/').nth(1).map_or(0, |(at, _)| at + 1);
    // Bold ends at a star, and a unit's path may hold one.
    text::safe(&unit.as_str()[start..].replace(['*', '_', '~'], "-"), 60)
}

fn consequence(effect: Effect) -> &'static str {
    match effect {
        Effect::Create | Effect::InPlace => "",
        Effect::MayReplace => " · _may be replaced_",
        Effect::Replace => " · *is replaced*",
        Effect::Delete => " · *is deleted*",
    }
}

/// Who is likely to have made the changes, each once; never more certain than the world is.
pub(super) fn authors<'a>(differences: impl Iterator<Item = &'a Difference>) -> Option<String> {
    let mut authors: Vec<String> = Vec::new();
    for who in differences.filter_map(|difference| difference.who.as_ref()) {
        let author = author(who);
        if !authors.contains(&author) {
            authors.push(author);
        }
    }
    let more = authors.len().saturating_sub(3);
    authors.truncate(3);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!authors.is_empty()).then(|| format!("Likely by {}{more}", authors.join(", ")))
}

fn author(Who { name, operation, time, evidence, confidence }: &Who) -> String {
    let name = text::code(name, 80);
    let operation = if operation.is_empty() { String::new() } else { format!(" ({})", text::safe(operation, 40)) };
    let time = time.as_ref().map(|time| format!(" at {}", text::safe(time, 30))).unwrap_or_default();
    format!("{name}{operation}{time} · {} · confidence {}", evidence.word(), confidence.word())
}

//! Edits: the wanted value, and every other byte as it was.

use serde_json::json;

use super::super::{Edit, Node, Value, begun, edited, parse};

fn at<'a>(node: &'a Node, path: &str) -> &'a Node {
    path.split('/').filter(|step| !step.is_empty()).fold(node, |node, step| match step.parse::<usize>() {
        Ok(at) if !node.items().is_empty() => &node.items()[at],
        _ => node.get(step).unwrap_or_else(|| panic!("no `{step}` in this test's text")),
    })
}

fn documents(text: &str) -> Vec<Node> {
    parse("a.yaml", text.as_bytes()).expect("this test writes correct YAML")
}

/// The text after one scalar was replaced, or the refusal.
fn replaced(text: &str, path: &str, value: &str) -> Result<String, String> {
    let documents = documents(text);
    let last = documents.last().expect("a document");
    let edit = Edit::scalar(at(last, path), value).map_err(|problem| problem.message)?;
    let bytes = edited("a.yaml", text.as_bytes(), &[edit]).map_err(|problem| problem.message)?;
    Ok(String::from_utf8(bytes).expect("text"))
}

#[test]
fn a_value_is_replaced_and_every_other_byte_stays() {
    for (text, path, value, seen) in [
        ("a: 30 # so long\nb: x\n", "a", "45", "a: 45 # so long\nb: x\n"),
        ("a: 30\r\nb:   'x'  \r\n", "b", "y z", "a: 30\r\nb:   'y z'  \r\n"),
        ("a: \"30\"\n", "a", "45", "a: \"45\"\n"),
        ("{\"a\": {\"b\": \"c\"}, \"d\": 1}", "a/b", "line\nnext", "{\"a\": {\"b\": \"line\\nnext\"}, \"d\": 1}"),
        ("a: [x, y]\n", "a/1", "p, q", "a: [x, 'p, q']\n"),
        ("a: {b: c}\n", "a/b", "it's", "a: {b: 'it''s'}\n"),
        ("a: web:1\n", "a", "web:2", "a: web:2\n"),
        ("a: word\n", "a", "yes", "a: 'yes'\n"),
        ("a: word\n", "a", "45", "a: '45'\n"),
        ("a: 80\n", "a", "http", "a: http\n"),
        ("a: 80\n", "a", "off", "a: 'off'\n"),
        ("a: true\n", "a", "false", "a: false\n"),
        ("---\na: 1\n---\nx: &s 1\ny: *s\na: 2\n...\n", "a", "3", "---\na: 1\n---\nx: &s 1\ny: *s\na: 3\n...\n"),
        ("\u{feff}a: 1\n", "a", "2", "\u{feff}a: 2\n"),
        ("a: one\n  two\nb: 1\n", "a", "three", "a: three\nb: 1\n"),
        ("a: !!str 1\n", "a", "2", "a: !!str '2'\n"),
        ("ä: ö\n", "ä", "ü", "ä: 'ü'\n"),
        ("a: 'x'\n", "a", "\u{202e}evil", "a: \"\\u202eevil\"\n"),
    ] {
        assert_eq!(replaced(text, path, value).as_deref(), Ok(seen), "{text}");
    }
}

#[test]
fn what_may_be_meant_elsewhere_or_is_no_single_value_is_refused() {
    for (text, path, why) in [
        ("a: &x 1\nb: *x\n", "a", "anchor"),
        ("a: &x 1\nb: *x\n", "b", "anchor"),
        ("a: &x\n  # why\n  t: 1\nb: *x\n", "a/t", "anchor"),
        ("a: &x {t: 1}\nb: {<<: *x, u: 2}\n", "b/t", "anchor"),
        ("a: !Ref B\n", "a", "!Ref"),
        ("a: !Sub '${B}'\n", "a", "!Sub"),
        ("a: |\n  x\n", "a", "block of lines"),
        ("a: >-\n  x\n", "a", "block of lines"),
        ("a:\nb: 1\n", "a", "nothing is written"),
        ("a: [1]\n", "a", "not one value"),
    ] {
        let refusal = replaced(text, path, "2").expect_err(text);
        assert!(refusal.contains(why), "{text}: {refusal}");
    }
}

#[test]
fn an_item_is_added_to_a_list_in_lines_and_in_brackets() {
    let item = json!({"unit": "data/db", "reason": "AWS: minor upgrades"});
    for (text, seen) in [
        (
            "i:\n  - a: 1 # one\n# end\n",
            "i:\n  - a: 1 # one\n  - unit: data/db\n    reason: 'AWS: minor upgrades'\n# end\n",
        ),
        ("i:\n- a: 1\nb: 2\n", "i:\n- a: 1\n- unit: data/db\n  reason: 'AWS: minor upgrades'\nb: 2\n"),
        ("i:\r\n- a: 1", "i:\r\n- a: 1\r\n- unit: data/db\r\n  reason: 'AWS: minor upgrades'\r\n"),
        ("i: [{a: 1}] # x\n", "i: [{a: 1}, {unit: data/db, reason: 'AWS: minor upgrades'}] # x\n"),
        ("i: []\n", "i: [{unit: data/db, reason: 'AWS: minor upgrades'}]\n"),
        (
            "i:\n- a: |\n    x\n\nb: 2\n",
            "i:\n- a: |\n    x\n\n- unit: data/db\n  reason: 'AWS: minor upgrades'\nb: 2\n",
        ),
    ] {
        let documents = documents(text);
        let edit = Edit::item(at(&documents[0], "i"), &item).expect(text);
        let bytes = edited("a.yaml", text.as_bytes(), &[edit]).expect(text);
        assert_eq!(String::from_utf8(bytes).expect("text"), seen);
    }
}

#[test]
fn a_key_is_added_to_a_mapping_and_a_file_is_begun() {
    let list = json!([{"unit": "a", "until": "2027-03-31"}]);
    for (text, seen) in [
        ("a: 1", "a: 1\ni:\n  - unit: a\n    until: '2027-03-31'\n"),
        ("a:\n  b: [1,\n   2] # x\n", "a:\n  b: [1,\n   2] # x\ni:\n  - unit: a\n    until: '2027-03-31'\n"),
        ("{a: 1}\n", "{a: 1, i: [{unit: a, until: '2027-03-31'}]}\n"),
    ] {
        let documents = documents(text);
        let edit = Edit::key(&documents[0], "i", &list).expect(text);
        assert_eq!(edited("a.yaml", text.as_bytes(), &[edit]).map(String::from_utf8), Ok(Ok(seen.to_owned())));
    }
    assert_eq!(begun(b"# nothing yet", "i", &list), b"# nothing yet\ni:\n  - unit: a\n    until: '2027-03-31'\n");
}

#[test]
fn two_values_for_one_place_are_refused_and_one_said_twice_is_made_once() {
    let text = "a: 1\nb: 2\n";
    let documents = documents(text);
    let edit = |path, value| Edit::scalar(at(&documents[0], path), value).expect("a plain number");
    let both = edited("a.yaml", text.as_bytes(), &[edit("b", "4"), edit("a", "3"), edit("a", "3")]);
    assert_eq!(both.expect("two places"), b"a: 3\nb: 4\n");
    let clash = edited("a.yaml", text.as_bytes(), &[edit("a", "3"), edit("a", "4")]).expect_err("one place");
    assert!(clash.message.contains("one place"), "{clash:?}");
}

/// Numbers that look drawn by lot and are the same in every run.
struct Lot(u64);

impl Lot {
    fn draw(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.draw(from.len())]
    }
}

const VALUES: &[&str] = &[
    "x",
    "30",
    "'q'",
    "\"d\\n\"",
    "true",
    "~",
    "a b",
    "web:1",
    "'it''s'",
    "0x1f",
    "1e3",
    "007",
    "no",
    "[]",
    "{a: 1}",
    "[p, 'q r']",
    "&h 5",
    "*k",
    "!Ref X",
    "|\n      block\n      lines",
    ">-\n      folded",
    "",
];
const NEW: &[&str] = &[
    "45",
    "",
    " ",
    "a: b",
    "# no",
    "- x",
    "yes",
    "null",
    "~",
    "007",
    "it's",
    "\"",
    "\\",
    "line\nnext",
    "\t",
    "ünï",
    "{x}",
    "[",
    "&a",
    "*a",
    "!t",
    "%",
    "@",
    "`",
    "1.0",
    "0o7",
    "2027-03-31",
    "\u{0}",
    "\u{2028}",
    "x:",
    "x #y",
    "...",
    "---",
];

/// A file drawn by lot.
fn file(lot: &mut Lot) -> String {
    let end = lot.pick(&["\n", "\r\n"]);
    let mut text = format!("{}k: &k kept{end}", lot.pick(&["", "# head\n", "---\n"]));
    for key in 0..1 + lot.draw(6) {
        let value = lot.pick(VALUES);
        let comment = if value.contains('\n') { "" } else { lot.pick(&["", " # why", "   "]) };
        text += &match lot.draw(4) {
            0 => format!("m{key}:{end}    n: {value}{comment}{end}"),
            1 => format!("l{key}:{end}  - {value}{comment}{end}  - z{end}"),
            _ => format!("s{key}: {value}{comment}{end}"),
        };
    }
    text
}

fn scalars<'a>(node: &'a Node, all: &mut Vec<&'a Node>) {
    match &node.value {
        Value::Scalar(_) => all.push(node),
        Value::Sequence(items) => items.iter().for_each(|item| scalars(item, all)),
        Value::Mapping(pairs) => pairs.iter().for_each(|(_, value)| scalars(value, all)),
    }
}

#[test]
fn whatever_is_replaced_reads_as_wanted_and_all_bytes_around_it_stay() {
    let (mut lot, mut made) = (Lot(7), 0);
    for _ in 0..3000 {
        let text = file(&mut lot);
        let Ok(documents) = parse("a.yaml", text.as_bytes()) else { continue };
        let mut all = Vec::new();
        documents.iter().for_each(|document| scalars(document, &mut all));
        let (node, value) = (all[lot.draw(all.len())], lot.pick(NEW));
        let Ok(edit) = Edit::scalar(node, value) else { continue };
        let Ok(bytes) = edited("a.yaml", text.as_bytes(), &[edit]) else { panic!("{text:?} with {value:?}") };
        let after = String::from_utf8(bytes).expect("text");
        assert!(after.starts_with(&text[..node.span.start]) && after.ends_with(&text[node.span.end..]), "{after:?}");
        let read = parse("a.yaml", after.as_bytes()).expect("it was read before");
        let mut now = Vec::new();
        read.iter().for_each(|document| scalars(document, &mut now));
        let place = all.iter().position(|other| std::ptr::eq(*other, node)).expect("it is one of them");
        assert_eq!(now[place].text(), Some(value), "{text:?}");
        made += 1;
    }
    assert!(made > 1000, "only {made} edits were tried");
}

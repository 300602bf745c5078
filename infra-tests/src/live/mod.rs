//! What the proxy supplies, asked of a CloudFormation API: of a real account by `make live`, and of the
//! sandbox itself by a test of these checks.
//!
//! A behaviour is proven only where AWS shows it. What is asked makes stacks below a throw-away prefix of
//! its own in an account that is named outright, and takes them away again, whatever happens.

mod checks;
mod place;

pub use place::{Ends, Place};

use crate::proxy::SUPPLIED;
use checks::{Asked, asked};

/// One behaviour that the proxy supplies, and what was seen of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    pub name: &'static str,
    /// The document that defines it.
    pub document: &'static str,
    pub seen: Seen,
}

/// What was seen of a behaviour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    AsSupplied,
    Otherwise(String),
    /// Not asked for, and why.
    ByItsWords(&'static str),
}

/// Asks for each behaviour, and takes away all that was made for it.
pub async fn ask(place: &Place) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for behaviour in SUPPLIED {
        let seen = match asked(behaviour.name) {
            Asked::Not(why) => Seen::ByItsWords(why),
            Asked::By(check) => match check(place).await {
                Ok(()) => Seen::AsSupplied,
                Err(error) => Seen::Otherwise(format!("{error:#}")),
            },
        };
        place.clear().await?;
        rows.push(Row { name: behaviour.name, document: behaviour.document, seen });
    }
    Ok(rows)
}

/// The same table with nothing asked.
pub fn table() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    SUPPLIED.iter().map(|behaviour| match asked(behaviour.name) {
        Asked::Not(why) => (behaviour.name, Some(why)),
        Asked::By(_) => (behaviour.name, None),
    })
}

impl Row {
    /// As it is printed.
    pub fn line(&self) -> String {
        let Row { name, document, seen } = self;
        match seen {
            Seen::AsSupplied => format!("as supplied   {name}"),
            Seen::Otherwise(how) => format!("OTHERWISE     {name}: {how}\n              {document}"),
            Seen::ByItsWords(why) => format!("not asked     {name}: {why}\n              {document}"),
        }
    }
}

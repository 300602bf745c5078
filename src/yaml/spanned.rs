//! Types that keep where or how they are written: [`Spanned`], [`Scalar`], [`Node`].

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::capture;
use super::node::{Node, Scalar, Style, Value};
use crate::problem::{Place, Problem};

/// A value and the place where it is written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Spanned<T> {
    pub value: T,
    pub place: Place,
    /// The line the place points at, for the excerpt of a later problem.
    pub line_text: Option<String>,
}

impl<T> Spanned<T> {
    /// A problem that points at this value.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem { line_text: self.line_text.clone(), ..Problem::new(self.place.clone(), message) }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Taking<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Taking<T> {
            type Value = Spanned<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Spanned<T>, D::Error> {
                // The inner value may hold spans of its own: take ours first.
                let span = capture::take_span();
                let value = T::deserialize(deserializer)?;
                let place = span.as_ref().map(|span| span.place()).unwrap_or_default();
                Ok(Spanned { value, place, line_text: span.and_then(|span| span.line_text()) })
            }
        }

        deserializer.deserialize_newtype_struct(capture::SPANNED, Taking(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Node {
    /// Takes the node as it is written, tags and all.
    ///
    /// Stands in any type that [`super::read`] fills, but not where serde buffers (`untagged`,
    /// `flatten`): take the node there, and read its parts with [`super::read`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        captured(deserializer, capture::NODE)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    /// Takes the text as it is written, with its style.
    ///
    /// Where serde buffers (`untagged`, `flatten`), `1.30` has become a number before it gets here:
    /// take a [`Node`] one level above instead.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = captured(deserializer, capture::SCALAR)?;
        match node.value {
            Value::Scalar(scalar) => Ok(scalar),
            Value::Sequence(_) | Value::Mapping(_) => Err(D::Error::custom("expected a single value")),
        }
    }
}

fn captured<'de, D: Deserializer<'de>>(deserializer: D, name: &'static str) -> Result<Node, D::Error> {
    struct Taking;

    impl<'de> Visitor<'de> for Taking {
        type Value = Node;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a value")
        }

        fn visit_unit<E: Error>(self) -> Result<Node, E> {
            capture::take_node().ok_or_else(|| E::custom("no node is at hand here"))
        }

        fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
            let text = Plain::deserialize(deserializer)?;
            let span = capture::take_span().ok_or_else(|| D::Error::custom("no node is at hand here"))?;
            Ok(Node { tag: None, span, value: Value::Scalar(text.0) })
        }
    }

    deserializer.deserialize_newtype_struct(name, Taking)
}

/// A scalar out of serde's buffer, where only its meaning is left.
struct Plain(Scalar);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Taking;

        impl Taking {
            fn plain(text: impl ToString) -> Plain {
                Plain(Scalar { text: text.to_string(), style: Style::Plain })
            }
        }

        impl Visitor<'_> for Taking {
            type Value = Plain;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a single value")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Plain, E> {
                Ok(Self::plain(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Plain, E> {
                Ok(Self::plain(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Plain, E> {
                Ok(Self::plain(value))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Plain, E> {
                Ok(Self::plain(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<Plain, E> {
                Ok(Plain(Scalar { text: value.to_owned(), style: Style::DoubleQuoted }))
            }
        }

        deserializer.deserialize_any(Taking)
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

impl JsonSchema for Node {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Node".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }
}

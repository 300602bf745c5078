//! Fills a Rust type from a node.

use serde::de::value::StrDeserializer;
use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::capture;
use super::meaning::{Meaning, core, has_leading_zero};
use super::node::{Node, Scalar, Style, Value};
use super::read_error::ReadError;
use crate::problem::Problem;

pub(super) fn read<T: DeserializeOwned>(node: &Node) -> Result<T, Problem> {
    let result = T::deserialize(Reader { node }).map_err(|error| error.problem(node));
    capture::forget();
    result
}

/// One node, as serde asks for it. Every error leaves with the place of the node it is about.
#[derive(Clone, Copy)]
struct Reader<'n> {
    node: &'n Node,
}

impl<'n> Reader<'n> {
    /// The scalar, or none for a list or mapping. A tag is refused: no type knows what it means.
    fn scalar(self) -> Result<Option<&'n Scalar>, ReadError> {
        if let Some(tag) = &self.node.tag {
            return Err(ReadError::custom(format!("the tag `{tag}` has no meaning here")));
        }
        match &self.node.value {
            Value::Scalar(scalar) => Ok(Some(scalar)),
            Value::Sequence(_) | Value::Mapping(_) => Ok(None),
        }
    }

    fn is_null(self) -> Result<bool, ReadError> {
        Ok(self.scalar()?.is_some_and(|scalar| core(scalar) == Meaning::Null))
    }

    /// What stands here, for an error that wanted something else.
    fn found(self) -> Unexpected<'n> {
        match &self.node.value {
            Value::Sequence(_) => Unexpected::Seq,
            Value::Mapping(_) => Unexpected::Map,
            Value::Scalar(scalar) => match core(scalar) {
                Meaning::Null => Unexpected::Unit,
                Meaning::Bool(value) => Unexpected::Bool(value),
                Meaning::Whole(_) | Meaning::Number(_) | Meaning::Text => Unexpected::Str(&scalar.text),
            },
        }
    }

    fn wrong<'de, V: Visitor<'de>>(self, visitor: &V) -> ReadError {
        ReadError::invalid_type(self.found(), visitor)
    }

    fn any<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.scalar()? {
            Some(scalar) => match core(scalar) {
                Meaning::Null => visitor.visit_unit(),
                Meaning::Bool(value) => visitor.visit_bool(value),
                Meaning::Whole(value) => whole(value, visitor),
                Meaning::Number(value) => visitor.visit_f64(value),
                Meaning::Text => visitor.visit_str(&scalar.text),
            },
            None => self.collection(visitor),
        }
    }

    fn collection<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.value {
            Value::Sequence(items) => visitor.visit_seq(Items { node: self.node, rest: items.iter() }),
            Value::Mapping(pairs) => visitor.visit_map(Pairs { node: self.node, rest: pairs.iter(), value: None }),
            Value::Scalar(_) => Err(self.wrong(&visitor)),
        }
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let Some(scalar) = self.scalar()? else { return Err(self.wrong(&visitor)) };
        match core(scalar) {
            Meaning::Whole(value) => whole(value, visitor),
            Meaning::Number(value) => visitor.visit_f64(value),
            Meaning::Null | Meaning::Bool(_) => Err(self.wrong(&visitor)),
            Meaning::Text => Err(match unquoted(scalar) {
                Meaning::Whole(_) | Meaning::Number(_) => self.wrong(&visitor).hint("leave the quotes away"),
                Meaning::Text if has_leading_zero(&scalar.text) => self
                    .wrong(&visitor)
                    .hint("a leading zero makes a number octal for some readers: leave it away, or write `0o`"),
                Meaning::Null | Meaning::Bool(_) | Meaning::Text => self.wrong(&visitor),
            }),
        }
    }

    fn boolean<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let Some(scalar) = self.scalar()? else { return Err(self.wrong(&visitor)) };
        match core(scalar) {
            Meaning::Bool(value) => visitor.visit_bool(value),
            Meaning::Null | Meaning::Whole(_) | Meaning::Number(_) => Err(self.wrong(&visitor)),
            Meaning::Text => {
                let error = self.wrong(&visitor);
                Err(match scalar.text.to_lowercase().as_str() {
                    "yes" | "on" | "y" => error.hint("write `true`"),
                    "no" | "off" | "n" => error.hint("write `false`"),
                    "true" | "false" if scalar.style != Style::Plain => error.hint("leave the quotes away"),
                    _ => error,
                })
            }
        }
    }

    /// Any single value as it is written, except nothing at all.
    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.scalar()? {
            Some(scalar) if core(scalar) != Meaning::Null => visitor.visit_str(&scalar.text),
            Some(_) | None => Err(self.wrong(&visitor)),
        }
    }

    fn newtype<'de, V: Visitor<'de>>(self, name: &str, visitor: V) -> Result<V::Value, ReadError> {
        match name {
            capture::NODE => {
                capture::leave_node(self.node);
                visitor.visit_unit()
            }
            capture::SCALAR => match self.scalar()? {
                Some(_) => {
                    capture::leave_node(self.node);
                    visitor.visit_unit()
                }
                None => Err(ReadError::invalid_type(self.found(), &"a single value")),
            },
            capture::SPANNED => {
                capture::leave_span(&self.node.span);
                visitor.visit_newtype_struct(self)
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn choice<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if let Some(tag) = &self.node.tag {
            return Err(ReadError::custom(format!("the tag `{tag}` has no meaning here")));
        }
        match &self.node.value {
            Value::Scalar(_) if !self.is_null()? => visitor.visit_enum(Choice { name: self.node, content: None }),
            Value::Mapping(pairs) if pairs.len() == 1 => {
                visitor.visit_enum(Choice { name: &pairs[0].0, content: Some(&pairs[0].1) })
            }
            Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) => Err(self.wrong(&visitor)),
        }
    }
}

/// What a quoted scalar would mean without its quotes.
fn unquoted(scalar: &Scalar) -> Meaning {
    core(&Scalar { text: scalar.text.clone(), style: Style::Plain })
}

fn whole<'de, V: Visitor<'de>>(value: i128, visitor: V) -> Result<V::Value, ReadError> {
    match (u64::try_from(value), i64::try_from(value)) {
        (Ok(value), _) => visitor.visit_u64(value),
        (Err(_), Ok(value)) => visitor.visit_i64(value),
        (Err(_), Err(_)) => visitor.visit_i128(value),
    }
}

/// Answers each of serde's questions by one of the methods above, and adds the place to its error.
macro_rules! answer {
    ($($question:ident => $answer:ident),* $(,)?) => {
        $(fn $question<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            self.$answer(visitor).map_err(|error| error.at(self.node))
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = ReadError;

    answer! {
        deserialize_bool => boolean,
        deserialize_i8 => number, deserialize_i16 => number, deserialize_i32 => number, deserialize_i64 => number,
        deserialize_u8 => number, deserialize_u16 => number, deserialize_u32 => number, deserialize_u64 => number,
        deserialize_i128 => number, deserialize_u128 => number,
        deserialize_f32 => number, deserialize_f64 => number,
        deserialize_char => text, deserialize_str => text, deserialize_string => text,
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let result = self.any(visitor).map_err(|error| error.at(self.node));
        capture::buffered(&self.node.span);
        result
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        // A tagged node is not nothing; whoever reads it says what is wrong with the tag.
        if self.node.tag.is_none() && self.is_null()? {
            return visitor.visit_none().map_err(|error: ReadError| error.at(self.node));
        }
        visitor.visit_some(self).map_err(|error| error.at(self.node))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.is_null() {
            Ok(true) => visitor.visit_unit(),
            Ok(false) => Err(self.wrong(&visitor)),
            Err(error) => Err(error),
        }
        .map_err(|error| error.at(self.node))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.newtype(name, visitor).map_err(|error| error.at(self.node))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match (self.scalar(), &self.node.value) {
            (Ok(_), Value::Sequence(_)) => self.collection(visitor),
            (Ok(_), Value::Scalar(_) | Value::Mapping(_)) => Err(self.wrong(&visitor)),
            (Err(error), _) => Err(error),
        }
        .map_err(|error| error.at(self.node))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match (self.scalar(), &self.node.value) {
            (Ok(_), Value::Mapping(_)) => self.collection(visitor),
            (Ok(_), Value::Scalar(_) | Value::Sequence(_)) => Err(self.wrong(&visitor)),
            (Err(error), _) => Err(error),
        }
        .map_err(|error| error.at(self.node))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.choice(visitor).map_err(|error| error.at(self.node))
    }

    /// A key of a struct, or the name of a variant: the text, whatever it looks like.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.node.text() {
            Some(text) => visitor.visit_str(text),
            None => Err(self.wrong(&visitor)),
        }
        .map_err(|error| error.at(self.node))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { bytes byte_buf }
}

struct Items<'n> {
    node: &'n Node,
    rest: std::slice::Iter<'n, Node>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = ReadError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let Some(node) = self.rest.next() else {
            capture::buffered(&self.node.span);
            return Ok(None);
        };
        seed.deserialize(Reader { node }).map(Some).map_err(|error| error.at(node))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

struct Pairs<'n> {
    node: &'n Node,
    rest: std::slice::Iter<'n, (Node, Node)>,
    value: Option<&'n Node>,
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = ReadError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let Some((key, value)) = self.rest.next() else {
            capture::buffered(&self.node.span);
            return Ok(None);
        };
        self.value = Some(value);
        seed.deserialize(Reader { node: key }).map(Some).map_err(|error| error.at(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ReadError> {
        let node = self.value.take().expect("serde asks for a value only after its key");
        seed.deserialize(Reader { node }).map_err(|error| error.at(node))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// A variant: a word, or a mapping whose one key names it.
struct Choice<'n> {
    name: &'n Node,
    content: Option<&'n Node>,
}

impl<'de, 'n> EnumAccess<'de> for Choice<'n> {
    type Error = ReadError;
    type Variant = Variant<'n>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Variant<'n>), ReadError> {
        let text = self.name.text().unwrap_or_default();
        let value = seed.deserialize(StrDeserializer::new(text)).map_err(|error: ReadError| error.at(self.name))?;
        Ok((value, Variant { name: self.name, content: self.content }))
    }
}

struct Variant<'n> {
    name: &'n Node,
    content: Option<&'n Node>,
}

impl<'n> Variant<'n> {
    fn content(&self) -> Result<Reader<'n>, ReadError> {
        let text = self.name.text().unwrap_or_default();
        let missing = || ReadError::custom(format!("`{text}` needs a value: write `{text}: …`")).at(self.name);
        self.content.map(|node| Reader { node }).ok_or_else(missing)
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        match self.content {
            Some(node) => <()>::deserialize(Reader { node }),
            None => Ok(()),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, ReadError> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.content()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.content()?.deserialize_map(visitor)
    }
}

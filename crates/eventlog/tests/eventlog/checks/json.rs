//! JSON as another parser reads it, which values are held against.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use stagelight_eventlog::Value;

/// A value as it stands in the text: entries keep their order, and a key comes as often as it does.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer of at most 64 bits, and `-0.0`: `-0` is an integer to one parser and none to the
    /// other.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// What `text` says.
    pub fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }

    /// What `value` says; `None` where it is missing.
    pub fn of(value: Value<'_>) -> Option<Self> {
        Some(match value {
            Value::Missing => return None,
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(flag),
            Value::Int(number) => Self::Int(number.into()),
            Value::Float(number) => Self::float(number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Nested(nested) => {
                let text = nested.to_string();
                let json = Self::parse(text.as_bytes());
                let json = json.unwrap_or_else(|error| panic!("{error}: {text}"));
                assert_eq!(nested.is_array(), matches!(json, Self::Array(_)), "{text}");
                let elements: Vec<_> = nested.elements().map(Self::of).collect();
                let expected: Vec<_> =
                    json.elements().iter().map(|element| Some(element.as_value())).collect();
                assert_eq!(elements, expected, "{text}");
                json
            }
        })
    }

    /// What is left of it in a [`Value`]: an integer that does not fit is a float.
    pub fn as_value(&self) -> Self {
        match self {
            Self::Int(number) if i64::try_from(*number).is_err() => Self::Float(*number as f64),
            other => other.clone(),
        }
    }

    /// The elements of an array; anything else has none.
    pub fn elements(&self) -> &[Json] {
        match self {
            Self::Array(elements) => elements,
            _ => &[],
        }
    }

    /// The entries of an object; anything else has none.
    pub fn entries(&self) -> &[(String, Json)] {
        match self {
            Self::Object(entries) => entries,
            _ => &[],
        }
    }

    /// The text that stands at the first `key` of an object.
    pub fn text_at(&self, key: &str) -> Option<&str> {
        match self.entries().iter().find(|(name, _)| name == key) {
            Some((_, Self::Text(text))) => Some(text),
            _ => None,
        }
    }

    fn float(number: f64) -> Self {
        let is_minus_zero = number == 0.0 && number.is_sign_negative();
        if is_minus_zero { Self::Int(0) } else { Self::Float(number) }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        text.deserialize_any(AsItStands)
    }
}

struct AsItStands;

impl<'de> Visitor<'de> for AsItStands {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Json, E> {
        Ok(Json::Bool(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Int(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Int(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Json, E> {
        Ok(Json::float(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Json, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = array.next_element()? {
            elements.push(element);
        }
        Ok(Json::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Json, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = object.next_entry()? {
            entries.push(entry);
        }
        Ok(Json::Object(entries))
    }
}

//! Typed reads of a JSON object, with errors that name the field.

use serde_json::{Map, Value};

use super::ConfigError;

/// No dimension of a published model comes near this.
const MAX_COUNT: u32 = 1 << 30;

/// One JSON object of a config, with what stands in for fields that it leaves out.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    /// Values of fields that are missing: the defaults of the model's class in transformers.
    defaults: &'static [(&'static str, u32)],
}

impl<'a> Fields<'a> {
    pub(super) const fn new(object: &'a Map<String, Value>) -> Self {
        Self { object, defaults: &[] }
    }

    pub(super) const fn with_defaults(self, defaults: &'static [(&'static str, u32)]) -> Self {
        Self { defaults, ..self }
    }

    /// The value of a field; `null` is no value.
    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// A number of at least 1.
    pub(super) fn count(&self, name: &'static str) -> Result<u32, ConfigError> {
        self.optional_count(name)?.ok_or(ConfigError::Missing { field: name })
    }

    /// A number of at least 1, or nothing.
    pub(super) fn optional_count(&self, name: &'static str) -> Result<Option<u32>, ConfigError> {
        match self.optional_number(name)? {
            Some(0) => Err(out_of_range(name, "0")),
            other => Ok(other),
        }
    }

    /// A number that may be 0, or nothing.
    pub(super) fn optional_number(&self, name: &'static str) -> Result<Option<u32>, ConfigError> {
        match self.value(name) {
            Some(value) => number(name, value).map(Some),
            None => Ok(self.default(name)),
        }
    }

    /// The first of several names that has a number.
    pub(super) fn first_number(&self, names: &[&'static str]) -> Result<Option<u32>, ConfigError> {
        for name in names {
            if let Some(number) = self.optional_number(name)? {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    fn default(&self, name: &str) -> Option<u32> {
        self.defaults.iter().find(|(field, _)| *field == name).map(|(_, value)| *value)
    }

    pub(super) fn flag(&self, name: &'static str) -> Result<Option<bool>, ConfigError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(ConfigError::Kind { field: name, wanted: "true or false" }),
        }
    }

    pub(super) fn text(&self, name: &'static str) -> Result<Option<&'a str>, ConfigError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(ConfigError::Kind { field: name, wanted: "a string" }),
        }
    }

    pub(super) fn object(&self, name: &'static str) -> Result<Option<Fields<'a>>, ConfigError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(Fields::new(object))),
            Some(_) => Err(ConfigError::Kind { field: name, wanted: "an object" }),
        }
    }

    /// The values of every object inside this one, in the order of their names.
    pub(super) fn objects(&self) -> impl Iterator<Item = Fields<'a>> {
        self.object.values().filter_map(Value::as_object).map(Fields::new)
    }

    pub(super) fn list(&self, name: &'static str) -> Result<Option<&'a [Value]>, ConfigError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(_) => Err(ConfigError::Kind { field: name, wanted: "a list" }),
        }
    }

    /// A list of strings.
    pub(super) fn texts(&self, name: &'static str) -> Result<Option<Vec<&'a str>>, ConfigError> {
        let wrong = ConfigError::Kind { field: name, wanted: "a list of strings" };
        let Some(list) = self.list(name)? else { return Ok(None) };
        list.iter().map(|item| item.as_str().ok_or_else(|| wrong.clone())).collect::<Result<_, _>>().map(Some)
    }
}

/// A whole number from 0 on; some writers write it as `4096.0`.
fn number(name: &'static str, value: &Value) -> Result<u32, ConfigError> {
    let Value::Number(number) = value else {
        return Err(ConfigError::Kind { field: name, wanted: "a number" });
    };
    let whole = number.as_u64().or_else(|| {
        number
            .as_f64()
            .filter(|float| float.fract() == 0.0 && (0.0..f64::from(MAX_COUNT)).contains(float))
            .map(
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "the range is checked"
                )]
                |float| float as u64,
            )
    });
    whole
        .and_then(|whole| u32::try_from(whole).ok())
        .filter(|whole| *whole <= MAX_COUNT)
        .ok_or_else(|| out_of_range(name, &number.to_string()))
}

fn out_of_range(field: &'static str, given: &str) -> ConfigError {
    ConfigError::OutOfRange { field, given: given.chars().take(40).collect(), limit: MAX_COUNT }
}

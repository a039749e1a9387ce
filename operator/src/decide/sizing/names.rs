//! Enums whose variants are known by the names that GGUF files and llama.cpp use.

/// A name that is in none of the rows of a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {given:?} is unknown; use one of {valid}")]
pub struct UnknownName {
    /// What was to be named.
    pub kind: &'static str,
    /// The name that was given.
    pub given: String,
    /// The names there are, separated by commas.
    pub valid: String,
}

/// Declares an enum with `ALL`, `name`, `Display` and a case-insensitive `FromStr`.
macro_rules! named_enum {
    (
        $(#[$meta:meta])*
        $kind:literal $name:ident { $($(#[$variant_meta:meta])* $variant:ident,)+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(non_camel_case_types, reason = "the names that GGUF files and llama.cpp use")]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name, as GGUF files and llama.cpp write it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = super::UnknownName;

            fn from_str(given: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|v| v.name().eq_ignore_ascii_case(given)).ok_or_else(|| {
                    let names: Vec<_> = Self::ALL.iter().map(|v| v.name()).collect();
                    Self::Err { kind: $kind, given: given.to_owned(), valid: names.join(", ") }
                })
            }
        }
    };
}
pub(super) use named_enum;

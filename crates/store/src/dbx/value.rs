//! Values that mean the same in both engines.
//!
//! | Rust | Postgres | SQLite |
//! |---|---|---|
//! | `Uuid` and ids | `UUID` | `BLOB` of 16 bytes |
//! | `DateTime<Utc>`, whole microseconds | `TIMESTAMPTZ` | `INTEGER`, microseconds since 1970 |
//! | `Json<T>` | `JSONB` | `TEXT` |
//! | `i64`, `u64` | `BIGINT` | `INTEGER` |
//! | `bool` | `BOOLEAN` | `INTEGER`, 0 or 1 |
//! | `String`, words, platform ids | `TEXT` | `TEXT` |
//! | `Vec<u8>` | `BYTEA` | `BLOB` |

use super::query::Row;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, Decode, Encode, Postgres, Row as _, Sqlite, Type};
use uuid::Uuid;

/// The parameters of one statement, in the form of the engine that will run it.
pub enum Args {
    Postgres(PgArguments),
    Sqlite(SqliteArguments),
}

/// What one column holds.
pub trait Scalar: Sized {
    /// The native value in Postgres, and whose `NULL` is written there.
    fn bind(&self, args: &mut Args) -> Result<(), BoxDynError>;
    fn bind_null(args: &mut Args) -> Result<(), BoxDynError>;
    fn read(row: &Row, column: &str) -> Result<Option<Self>, sqlx::Error>;
}

/// What can be given to a statement.
pub trait Bind {
    fn bind(&self, args: &mut Args) -> Result<(), BoxDynError>;
    fn bind_null(args: &mut Args) -> Result<(), BoxDynError>;
}

/// What can be read from a row: a value, or an `Option` of one where the column may be null.
pub trait Field: Sized {
    fn read(row: &Row, column: &str) -> Result<Self, sqlx::Error>;
}

/// A value kept as JSON. Postgres orders the members anew: what is hashed is kept as text instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Json<T>(pub T);

// === impl Args ===

impl Args {
    pub(super) fn new(is_postgres: bool) -> Self {
        match is_postgres {
            true => Self::Postgres(PgArguments::default()),
            false => Self::Sqlite(SqliteArguments::default()),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Postgres(args) => args.len(),
            Self::Sqlite(args) => args.len(),
        }
    }

    fn add<'t, T>(&mut self, value: T) -> Result<(), BoxDynError>
    where
        T: Encode<'t, Postgres> + Type<Postgres> + Encode<'t, Sqlite> + Type<Sqlite>,
    {
        match self {
            Self::Postgres(args) => args.add(value),
            Self::Sqlite(args) => args.add(value),
        }
    }

    /// The same value under the two types that the engines have for it.
    fn add_each<'t, P, L>(&mut self, postgres: P, sqlite: L) -> Result<(), BoxDynError>
    where
        P: Encode<'t, Postgres> + Type<Postgres>,
        L: Encode<'t, Sqlite> + Type<Sqlite>,
    {
        match self {
            Self::Postgres(args) => args.add(postgres),
            Self::Sqlite(args) => args.add(sqlite),
        }
    }
}

// === impl Row ===

impl Row {
    fn native<'r, T>(&'r self, column: &str) -> Result<Option<T>, sqlx::Error>
    where
        T: Decode<'r, Postgres> + Type<Postgres> + Decode<'r, Sqlite> + Type<Sqlite>,
    {
        match self {
            Self::Postgres(row) => row.try_get(column),
            Self::Sqlite(row) => row.try_get(column),
        }
    }
}

fn undecodable(column: &str, source: impl Into<BoxDynError>) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: source.into(),
    }
}

macro_rules! natives {
    ($( $type:ty ),+) => { $(
        impl Scalar for $type {
            fn bind(&self, args: &mut Args) -> Result<(), BoxDynError> {
                args.add(self.clone())
            }

            fn bind_null(args: &mut Args) -> Result<(), BoxDynError> {
                args.add(None::<$type>)
            }

            fn read(row: &Row, column: &str) -> Result<Option<Self>, sqlx::Error> {
                row.native(column)
            }
        }
    )+ };
}

natives!(i64, bool, String, Uuid, Vec<u8>);

impl Scalar for u64 {
    fn bind(&self, args: &mut Args) -> Result<(), BoxDynError> {
        args.add(i64::try_from(*self)?)
    }

    fn bind_null(args: &mut Args) -> Result<(), BoxDynError> {
        args.add(None::<i64>)
    }

    fn read(row: &Row, column: &str) -> Result<Option<Self>, sqlx::Error> {
        let signed: Option<i64> = row.native(column)?;
        signed
            .map(u64::try_from)
            .transpose()
            .map_err(|error| undecodable(column, error))
    }
}

impl Scalar for DateTime<Utc> {
    fn bind(&self, args: &mut Args) -> Result<(), BoxDynError> {
        // Postgres would round what is finer, and a time read back would not equal the one written.
        let micros = self.timestamp_micros();
        let whole = DateTime::from_timestamp_micros(micros).ok_or("a time beyond the calendar")?;
        args.add_each(whole, micros)
    }

    fn bind_null(args: &mut Args) -> Result<(), BoxDynError> {
        args.add_each(None::<Self>, None::<i64>)
    }

    fn read(row: &Row, column: &str) -> Result<Option<Self>, sqlx::Error> {
        match row {
            Row::Postgres(row) => row.try_get(column),
            Row::Sqlite(row) => {
                let micros: Option<i64> = row.try_get(column)?;
                let time = |micros| {
                    Self::from_timestamp_micros(micros)
                        .ok_or_else(|| undecodable(column, "beyond the calendar"))
                };
                micros.map(time).transpose()
            }
        }
    }
}

impl<T: Serialize + DeserializeOwned> Scalar for Json<T> {
    fn bind(&self, args: &mut Args) -> Result<(), BoxDynError> {
        let text = without_nul(serde_json::to_string(&self.0)?);
        match args {
            Args::Postgres(args) => {
                args.add(sqlx::types::Json(serde_json::value::RawValue::from_string(text)?))
            }
            Args::Sqlite(args) => args.add(text),
        }
    }

    fn bind_null(args: &mut Args) -> Result<(), BoxDynError> {
        args.add_each(None::<sqlx::types::Json<serde_json::Value>>, None::<String>)
    }

    fn read(row: &Row, column: &str) -> Result<Option<Self>, sqlx::Error> {
        match row {
            Row::Postgres(row) => {
                let value: Option<sqlx::types::Json<T>> = row.try_get(column)?;
                Ok(value.map(|value| Self(value.0)))
            }
            Row::Sqlite(row) => {
                let text: Option<String> = row.try_get(column)?;
                text.map(|text| serde_json::from_str(&text).map(Self))
                    .transpose()
                    .map_err(|error| undecodable(column, error))
            }
        }
    }
}

/// Postgres refuses NUL in JSON, as it does in texts.
fn without_nul(json: String) -> String {
    if !json.contains(r"\u0000") {
        return json;
    }
    let mut kept = String::with_capacity(json.len());
    let mut rest = json.as_str();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        kept.push_str(before);
        rest = match escape.strip_prefix(r"\u0000") {
            Some(rest) => rest,
            // The sign after it belongs to it, also where that is another backslash.
            None => {
                kept.push_str(&escape[..2]);
                &escape[2..]
            }
        };
    }
    kept + rest
}

impl<T: Scalar> Bind for T {
    fn bind(&self, args: &mut Args) -> Result<(), BoxDynError> {
        Scalar::bind(self, args)
    }

    fn bind_null(args: &mut Args) -> Result<(), BoxDynError> {
        <T as Scalar>::bind_null(args)
    }
}

impl<T: Bind> Bind for Option<T> {
    fn bind(&self, args: &mut Args) -> Result<(), BoxDynError> {
        match self {
            Some(value) => value.bind(args),
            None => T::bind_null(args),
        }
    }

    fn bind_null(args: &mut Args) -> Result<(), BoxDynError> {
        T::bind_null(args)
    }
}

impl Bind for &str {
    fn bind(&self, args: &mut Args) -> Result<(), BoxDynError> {
        args.add(*self)
    }

    fn bind_null(args: &mut Args) -> Result<(), BoxDynError> {
        args.add(None::<&str>)
    }
}

impl Bind for &[u8] {
    fn bind(&self, args: &mut Args) -> Result<(), BoxDynError> {
        args.add(*self)
    }

    fn bind_null(args: &mut Args) -> Result<(), BoxDynError> {
        args.add(None::<&[u8]>)
    }
}

impl<T: Scalar> Field for T {
    fn read(row: &Row, column: &str) -> Result<Self, sqlx::Error> {
        Scalar::read(row, column)?.ok_or_else(|| undecodable(column, sqlx::error::UnexpectedNullError))
    }
}

impl<T: Scalar> Field for Option<T> {
    fn read(row: &Row, column: &str) -> Result<Self, sqlx::Error> {
        Scalar::read(row, column)
    }
}

/// Types that are a text with rules: words and platform ids.
macro_rules! text_scalars {
    ($( $type:ty ),+ $(,)?) => { $(
        impl $crate::dbx::Scalar for $type {
            fn bind(&self, args: &mut $crate::dbx::Args) -> Result<(), sqlx::error::BoxDynError> {
                $crate::dbx::Bind::bind(&self.as_str(), args)
            }

            fn bind_null(args: &mut $crate::dbx::Args) -> Result<(), sqlx::error::BoxDynError> {
                <&str as $crate::dbx::Bind>::bind_null(args)
            }

            fn read(row: &$crate::dbx::Row, column: &str) -> Result<Option<Self>, sqlx::Error> {
                let text: Option<String> = $crate::dbx::Scalar::read(row, column)?;
                text.map(|text| text.parse::<Self>()).transpose().map_err(|error| sqlx::Error::ColumnDecode {
                    index: column.to_owned(),
                    source: error.to_string().into(),
                })
            }
        }
    )+ };
}

/// A closed set of words in a `TEXT` column whose `CHECK` lists the same ones.
macro_rules! text_enum {
    ($(#[$meta:meta])* $name:ident { $( $(#[$vmeta:meta])* $variant:ident = $text:literal, )+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $( $(#[$vmeta])* $variant, )+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$( Self::$variant, )+];

            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let found = Self::ALL.iter().copied().find(|known| known.as_str() == text);
                found.ok_or_else(|| format!(concat!("\"{}\" is no ", stringify!($name)), text.escape_debug()))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        $crate::dbx::text_scalars!($name);
    };
}

/// Ids of rows, so that a case is never passed for a sanction.
macro_rules! uuid_ids {
    ($( $(#[$doc:meta])* $name:ident; )+) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub uuid::Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
        $crate::dbx::uuid_ids!(@ $name);
    )+ };
    (@ $name:ty) => {
        impl $crate::dbx::Scalar for $name {
            fn bind(&self, args: &mut $crate::dbx::Args) -> Result<(), sqlx::error::BoxDynError> {
                $crate::dbx::Scalar::bind(&self.0, args)
            }

            fn bind_null(args: &mut $crate::dbx::Args) -> Result<(), sqlx::error::BoxDynError> {
                <uuid::Uuid as $crate::dbx::Scalar>::bind_null(args)
            }

            fn read(row: &$crate::dbx::Row, column: &str) -> Result<Option<Self>, sqlx::Error> {
                let id: Option<uuid::Uuid> = $crate::dbx::Scalar::read(row, column)?;
                Ok(id.map(Self))
            }
        }
    };
}

pub(crate) use {text_enum, text_scalars, uuid_ids};

text_scalars!(
    lockdown_events::Action,
    lockdown_events::Origin,
    lockdown_events::Platform,
    lockdown_events::GuildId,
    lockdown_events::UserId,
    lockdown_events::ChannelId,
    lockdown_events::MessageId,
    lockdown_events::NotificationKind,
    lockdown_events::NotificationLevel,
);
uuid_ids!(@ lockdown_events::CaseId);
uuid_ids!(@ lockdown_events::EventId);
uuid_ids!(@ lockdown_events::NotificationId);
uuid_ids!(@ lockdown_events::TraceId);

//! One SQL text on two engines.
//!
//! A statement is a constant made by `sqls!`, with `$n` for its parameters; values go straight into the engine's own
//! argument buffer ([`Scalar`]), rows come back through [`FromRow`]. Where the engines need different words, and only
//! there, a statement has a text for each. What is built at run time is built by [`Filter`], and from whole statements by
//! `Together`: the two places that tell sqlx to trust a text.

pub(crate) mod batch;
mod conn;
mod filter;
pub(crate) mod query;
mod retry;
mod sql;
mod together;
mod value;
mod writer;

pub(crate) use conn::Inner;
pub use conn::{Conn, Reader, Tx};
pub use filter::Filter;
pub use query::{FromRow, Query, Row};
pub use retry::Attempts;
pub use sql::Sql;
pub(crate) use sql::sqls;
pub use value::{Args, Bind, Field, Json, Scalar};
pub(crate) use value::{text_enum, text_scalars, uuid_ids};
pub(crate) use writer::Writer;

//! Optional conditions: a statement that is put together at run time.

use super::conn::Conn;
use super::query::Query;
use super::value::{Args, Bind};
use sqlx::error::BoxDynError;
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

/// A `SELECT` with some of its conditions. Every piece of text is `'static`; values only ever become parameters.
pub struct Filter {
    name: &'static str,
    text: String,
    args: Args,
    fault: Option<BoxDynError>,
    conditions: usize,
}

// === impl Filter ===

impl Filter {
    /// Begins with a `SELECT .. FROM ..` that has no `WHERE`.
    pub fn new(conn: &Conn, name: &'static str, select: &'static str) -> Self {
        Self {
            name,
            text: select.to_owned(),
            args: Args::new(conn.is_postgres()),
            fault: None,
            conditions: 0,
        }
    }

    /// A condition on one value, which stands where `?` stands in it: `c.number < ?`.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as `Query::bind`: values are made on the spot"
    )]
    pub fn and(mut self, condition: &'static str, value: impl Bind) -> Self {
        self.begin_condition();
        self.push(condition, &value);
        self
    }

    /// The same, where there is a value.
    #[must_use]
    pub fn and_if(self, condition: &'static str, value: Option<impl Bind>) -> Self {
        match value {
            Some(value) => self.and(condition, value),
            None => self,
        }
    }

    /// For pages that are ordered by two columns, the last first: what comes after a row that had these values, if there
    /// is one.
    #[must_use]
    pub fn and_below_if(mut self, columns: &'static str, values: Option<(impl Bind, impl Bind)>) -> Self {
        if let Some((first, second)) = values {
            self.begin_condition();
            self.text.push_str(columns);
            self.push(" < (?", &first);
            self.push(", ?)", &second);
        }
        self
    }

    /// How it ends: `ORDER BY c.number DESC LIMIT ?`.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as `Query::bind`: values are made on the spot"
    )]
    pub fn ending(mut self, ending: &'static str, value: impl Bind) -> Self {
        self.text.push(' ');
        self.push(ending, &value);
        self
    }

    fn begin_condition(&mut self) {
        self.text
            .push_str(if self.conditions == 0 { " WHERE " } else { " AND " });
        self.conditions += 1;
    }

    fn push(&mut self, piece: &'static str, value: &impl Bind) {
        if let Err(error) = value.bind(&mut self.args) {
            self.fault.get_or_insert(error);
        }
        let parameter = format!("${}", self.args.len());
        self.text.push_str(&piece.replace('?', &parameter));
    }

    pub(super) fn on(self, conn: &mut Conn) -> Query<'_> {
        Query {
            conn,
            name: self.name,
            // Made of texts that stand in this crate's source, and of parameter numbers.
            text: AssertSqlSafe(self.text).into_sql_str(),
            args: self.args,
            fault: self.fault,
        }
    }
}

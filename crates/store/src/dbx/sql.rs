//! Statements as constants, each known by name to the test that prepares them all.

/// A statement, once for both engines or once for each.
#[derive(Debug)]
pub struct Sql {
    /// For errors, metrics and tests: module and constant.
    pub(crate) name: &'static str,
    pub(crate) postgres: &'static str,
    pub(crate) sqlite: &'static str,
}

// === impl Sql ===

impl Sql {
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn postgres(&self) -> &'static str {
        self.postgres
    }

    pub fn sqlite(&self) -> &'static str {
        self.sqlite
    }
}

/// Defines statements, and `TEXTS` with all of them: `NAME = "both";` or `NAME => "postgres", "sqlite";`.
macro_rules! sqls {
    (@ $name:ident = $both:expr) => {
        $crate::dbx::Sql { name: concat!(module_path!(), "::", stringify!($name)), postgres: $both, sqlite: $both }
    };
    (@ $name:ident => $postgres:expr, $sqlite:expr) => {
        $crate::dbx::Sql {
            name: concat!(module_path!(), "::", stringify!($name)), postgres: $postgres, sqlite: $sqlite,
        }
    };
    ($( $name:ident $sign:tt $first:expr $(, $second:expr)?; )+) => {
        $( static $name: $crate::dbx::Sql = $crate::dbx::sqls!(@ $name $sign $first $(, $second)?); )+
        /// Every statement of this module.
        pub(crate) static TEXTS: &[&$crate::dbx::Sql] = &[$( &$name, )+];
    };
}

pub(crate) use sqls;

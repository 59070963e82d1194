//! What goes wrong, on demand.

use std::time::Duration;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This status with a page of HTML, and nothing happens.
    Status(u16),
    /// This status, although it has happened.
    StatusAfter(u16),
    /// It has happened, and the answer is 200 without a body.
    EmptyAfter,
    /// It has happened, and the connection is cut before the answer.
    CutAfter,
    /// The connection is cut, and nothing happens.
    Cut,
    /// The answer takes this long.
    Delay(Duration),
    /// 429 of this bucket, for so long.
    Limited(Duration),
    /// 429 for every route, for so long.
    LimitedGlobally(Duration),
    /// 429 that is nobody's fault, for so long.
    LimitedShared(Duration),
}

#[derive(Default)]
pub(super) struct Faults {
    /// Answers everything with this status.
    pub(super) outage: Option<u16>,
    planned: Vec<Planned>,
}

struct Planned {
    method: String,
    template: String,
    times: usize,
    fault: Fault,
}

// === impl Faults ===

impl Faults {
    pub(super) fn plan(&mut self, method: &str, template: &str, times: usize, fault: Fault) {
        self.planned.push(Planned {
            method: method.to_owned(),
            template: template.to_owned(),
            times,
            fault,
        });
    }

    pub(super) fn forget(&mut self) {
        self.planned.clear();
    }

    /// What is to become of this request; the first plan that fits is used up.
    pub(super) fn take(&mut self, method: &str, template: &str) -> Option<Fault> {
        let at = self
            .planned
            .iter()
            .position(|plan| plan.times > 0 && plan.method == method && template.contains(&plan.template))?;
        self.planned[at].times -= 1;
        Some(self.planned[at].fault)
    }
}

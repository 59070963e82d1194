//! What our records say that the platform does against people, and what it shows: what it has lost is done again, or noted,
//! as the community chose.
//!
//! All that holds is compared from time to time, by one worker for all, and the first time when the first of them starts: so
//! what happened while nobody was there shows. Whoever comes into a community is compared a little later, when what was
//! done by hand is known: somebody who is banned and stands in the door has no ban on the platform.

use anyhow::Context as _;
use lockdown_bus::{Bus, ConsumerOptions, GroupName, Handler, HandlerError, Standing, Start};
use lockdown_events::{Event, GuildId, Platform, UserEvent, UserId};
use lockdown_moderation::desk::{Desk, DeskError, Intended, Settled};
use lockdown_moderation::hands::{Shown, ask_shown};
use lockdown_moderation::{GuildRef, Lasting, UserRef};
use lockdown_runtime::{Context, chain};
use lockdown_store::Store;
use std::collections::HashMap;
use std::time::Duration;

const GROUP: &str = "reconcile";
const BOARD: &str = "reconcile/joined";
const LEASE: &str = "reconcile/all";
const PAGE: u64 = 50;
const AT_ONCE: usize = 50;
/// After so long it is tried again where a bot was not there.
const AGAIN: Duration = Duration::from_secs(300);

/// How often it is compared, and how soon.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two looks at all that holds.
    pub all: Duration,
    /// After somebody came.
    pub joined: Duration,
    /// Between two looks at what is due.
    pub look: Duration,
}

struct Reconcile {
    desk: Desk,
    bus: Bus,
    pace: Pace,
    /// Names this worker among the others.
    name: String,
}

// === impl Pace ===

impl Default for Pace {
    fn default() -> Self {
        Self {
            all: Duration::from_secs(6 * 3600),
            joined: Duration::from_secs(60),
            look: Duration::from_secs(10),
        }
    }
}

/// Compares until the process stops. Others may do the same at the same time.
pub(crate) async fn start(ctx: &Context, store: Store, bus: &Bus, pace: Pace) -> anyhow::Result<()> {
    let reconcile = Reconcile {
        desk: Desk::new(store, ctx.clock.clone(), ctx.ids.clone()),
        bus: bus.clone(),
        pace,
        name: ctx.ids.next().to_string(),
    };
    let (posting, joined) = (bus.clone(), pace.joined);
    let handler = Handler::new("joined", ["user:joined"], move |received| {
        let bus = posting.clone();
        async move {
            let Event::User(UserEvent::Joined(event)) = &received.event else {
                return Ok(());
            };
            let item = format!("{}/{}/{}", event.platform, event.guild_id, event.user_id);
            let posted = bus.engine().post(BOARD, &item, "", joined).await;
            posted
                .map(drop)
                .map_err(|error| HandlerError::Again(chain(&error)))
        }
    });
    let group = GroupName::new(GROUP).context("the group has no name")?;
    // Who came before there was anything to compare is compared with all the others.
    bus.consume(
        group,
        &Start::Now,
        vec![handler.side_by_side()],
        ConsumerOptions::default(),
    )
    .await
    .context("could not consume who comes")?;
    let stopping = ctx.shutdown.soft_token();
    ctx.tasks.spawn("reconcile", async move {
        stopping.run_until_cancelled(reconcile.run()).await;
        Ok(())
    });
    Ok(())
}

// === impl Reconcile ===

impl Reconcile {
    async fn run(&self) {
        loop {
            if let Err(error) = self.round().await {
                tracing::warn!("Could not compare what holds with what platforms show: {error:#}");
            }
            tokio::time::sleep(self.pace.look).await;
        }
    }

    async fn round(&self) -> anyhow::Result<()> {
        self.joined().await?;
        let engine = self.bus.engine();
        let taken = engine
            .mark(LEASE, &self.name, self.pace.all, Standing::Absent)
            .await?;
        if taken.is_none() && !self.all().await? {
            // Some bot was not there to be asked.
            engine.unmark(LEASE, &self.name).await?;
            let again = self.pace.all.min(AGAIN);
            engine.mark(LEASE, &self.name, again, Standing::Absent).await?;
        }
        Ok(())
    }

    /// Whoever came a while ago.
    async fn joined(&self) -> anyhow::Result<()> {
        let engine = self.bus.engine();
        for posted in engine.put_off_due(BOARD, self.pace.joined, AT_ONCE).await? {
            if let Some((guild, person)) = who(&posted.item) {
                let intended = self.desk.intended_of(&guild, &person).await?;
                // Where the bot is not there, the look at all comes back to it.
                self.compare(&intended).await?;
            }
            engine.unpost(BOARD, &posted.item).await?;
        }
        Ok(())
    }

    /// Says whether all could be compared.
    async fn all(&self) -> anyhow::Result<bool> {
        let (mut after, mut whole) = (None, true);
        loop {
            let (intended, last) = self.desk.intended(after, PAGE).await?;
            whole &= self.compare(&intended).await?;
            after = last;
            if after.is_none() {
                return Ok(whole);
            }
            // The bot has more urgent things to ask.
            tokio::task::yield_now().await;
        }
    }

    /// Says whether every platform could be asked.
    async fn compare(&self, intended: &[Intended]) -> Result<bool, DeskError> {
        let mut whole = true;
        let mut by_guild: HashMap<(Platform, GuildId), Vec<&Intended>> = HashMap::new();
        for one in intended {
            let guild = (one.guild.platform, one.guild.id.clone());
            by_guild.entry(guild).or_default().push(one);
        }
        for ((platform, id), intended) in by_guild {
            let guild = GuildRef { platform, id };
            let people: Vec<UserId> = intended.iter().map(|one| one.subject.id.clone()).collect();
            let shown = match ask_shown(&self.bus, &guild, &people).await {
                Ok(shown) => shown,
                Err(error) => {
                    tracing::debug!(%guild, "Could not learn what the platform shows: {}", chain(&error));
                    whole = false;
                    continue;
                }
            };
            for one in intended {
                let of = shown.iter().find(|shown| shown.user_id == one.subject.id);
                if !of.is_some_and(|shown| is_lost(one.lasting, shown)) {
                    continue;
                }
                let case = one.case;
                let outcome = match self.desk.settle(one).await? {
                    Settled::Left => continue,
                    Settled::Repaired => {
                        tracing::warn!(%guild, %case, "The platform has lost what {case} says, and is told again");
                        "repaired"
                    }
                    Settled::Recorded(by) => {
                        tracing::warn!(%guild, %case, "The platform has lost what {case} says, as {by} notes");
                        "recorded"
                    }
                };
                metrics::counter!("lockdown_reconcile_total", "outcome" => outcome).increment(1);
            }
        }
        Ok(whole)
    }
}

fn is_lost(lasting: Lasting, shown: &Shown) -> bool {
    match lasting {
        Lasting::Ban => shown.banned == Some(false),
        Lasting::Mute => shown.muted == Some(false),
    }
}

fn who(item: &str) -> Option<(GuildRef, UserRef)> {
    let mut parts = item.split('/');
    let platform = parts.next()?;
    let platform = Platform::ALL
        .iter()
        .copied()
        .find(|known| known.as_str() == platform)?;
    let id = GuildId::new(parts.next()?).ok()?;
    let user = UserId::new(parts.next()?).ok()?;
    Some((GuildRef { platform, id }, UserRef::new(platform, user)))
}

//! Writing down what events say.

use super::effect::{Counts, Effect, Person, Told};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::Received;
use lockdown_events::{Envelope, Event, EventId, GuildConfig, GuildEvent, GuildId, Platform, Source, UserId};
use lockdown_runtime::{Clock, Ids};
use lockdown_store::activity::{GuildHour, UserDay};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::{Community, CommunityId, Guild, GuildKey};
use lockdown_store::members::{News, Parting, Profile};
use lockdown_store::people::{IdentityId, PersonId, Seen};
use lockdown_store::{Store, StoreError, Tx, in_tx};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

/// The name under which the effects of events are known.
const CONSUMER: &str = "memory";
/// For so long nothing new is looked for about somebody who writes.
const FRESH: TimeDelta = TimeDelta::hours(1);
/// People of whom is known that they are known.
const PEOPLE: usize = 100_000;

pub(super) struct Book {
    store: Store,
    clock: Clock,
    ids: Ids,
    known: Known,
}

/// What committed transactions have seen, so that it is not asked for again with each message.
#[derive(Default, Clone)]
struct Known {
    guilds: HashMap<(Platform, GuildId), GuildKey>,
    people: HashMap<(Platform, UserId), (IdentityId, DateTime<Utc>)>,
}

/// One transaction's work. It may be done more than once, so what it learns counts when it is committed.
struct Page<'a> {
    book: &'a Book,
    now: DateTime<Utc>,
    learned: Known,
    days: Vec<UserDay>,
    hours: Vec<GuildHour>,
    seen: Vec<(GuildKey, IdentityId, DateTime<Utc>)>,
}

// === impl Book ===

impl Book {
    pub(super) fn new(store: Store, clock: Clock, ids: Ids) -> Self {
        Self {
            store,
            clock,
            ids,
            known: Known::default(),
        }
    }

    /// All of it, or nothing.
    pub(super) async fn write(&mut self, batch: &[Arc<Received>]) -> Result<(), StoreError> {
        let ids: Vec<EventId> = batch.iter().map(|event| event.envelope.event_id).collect();
        let now = self.clock.now();
        let book = &*self;
        let written = in_tx!(self.store, |tx| {
            let mut page = Page {
                book,
                now,
                learned: Known::default(),
                days: Vec::new(),
                hours: Vec::new(),
                seen: Vec::new(),
            };
            let mut new = tx.process_all_once(CONSUMER, &ids, now).await?;
            for event in batch {
                // One that stands twice in the batch has its effect once.
                if new.remove(&event.envelope.event_id) {
                    page.add(tx, event).await?;
                }
            }
            tx.members_seen(&page.seen).await?;
            tx.add_user_activity(&page.days).await?;
            tx.add_guild_activity(&page.hours).await?;
            Ok::<_, StoreError>(page.learned)
        });
        match written {
            Ok(learned) => {
                self.known.learn(learned);
                Ok(())
            }
            Err(error) => {
                // What was known may be gone: an erasure removes people.
                self.known = Known::default();
                Err(error)
            }
        }
    }
}

// === impl Known ===

impl Known {
    fn learn(&mut self, other: Self) {
        if self.people.len() > PEOPLE {
            self.people.clear();
        }
        self.guilds.extend(other.guilds);
        self.people.extend(other.people);
    }
}

// === impl Page ===

impl Page<'_> {
    async fn add(&mut self, tx: &mut Tx, received: &Received) -> Result<(), StoreError> {
        let Some(effect) = Effect::of(&received.event) else {
            return Ok(());
        };
        let at = received.envelope.timestamp;
        let (platform, native) = (received.event.platform(), received.event.guild_id());
        let guild = self.guild(tx, platform, native, &effect, at).await?;
        let identity = match &effect.person {
            Some(person) => Some(self.person(tx, platform, person, at).await?),
            None => None,
        };
        self.count(guild, identity, effect.counts, at);
        let (Some(identity), Some(told)) = (identity, effect.news) else {
            return Ok(());
        };
        let news = match told {
            Told::Seen => {
                self.seen.push((guild, identity, at));
                return Ok(());
            }
            Told::Joined { invite_code, inviter } => {
                let inviter = match inviter {
                    Some(id) => {
                        let inviter = Person {
                            id,
                            names: lockdown_events::Names::default(),
                            bot: false,
                            renamed: false,
                        };
                        Some(self.person(tx, platform, &inviter, at).await?)
                    }
                    None => None,
                };
                News::Joined { invite_code, inviter }
            }
            Told::Asks => News::Asks,
            Told::Left => {
                // Whoever leaves was there, also where what they said before comes after this.
                tx.members_seen(&[(guild, identity, at)]).await?;
                News::Gone(Parting::Left)
            }
            Told::Banned => News::Gone(Parting::Banned),
            Told::Looks { nick, roles, avatar } => News::Profile(Profile {
                nick: Some(nick),
                roles,
                avatar,
            }),
        };
        tx.note_member(guild, identity, at, &news).await.map(drop)
    }

    /// The guild's row. One that nobody knows is a community of its own until an owner joins it to another.
    async fn guild(
        &mut self,
        tx: &mut Tx,
        platform: Platform,
        native: &GuildId,
        effect: &Effect,
        at: DateTime<Utc>,
    ) -> Result<GuildKey, StoreError> {
        let news = &effect.guild;
        let key = (platform, native.clone());
        let known = self
            .learned
            .guilds
            .get(&key)
            .or_else(|| self.book.known.guilds.get(&key));
        let quiet = news.title.is_none() && !news.left && news.moved_to.is_none();
        if let Some(known) = known
            && quiet
        {
            return Ok(*known);
        }
        let moved = match &news.moved_to {
            Some(to) => tx.move_guild(platform, native, to).await?,
            None => false,
        };
        let native = news.moved_to.as_ref().unwrap_or(native);
        let guild = match tx.guild(platform, native).await? {
            Some(guild) if quiet => guild,
            Some(guild) => {
                let changed = Guild {
                    title: news.title.clone().unwrap_or(guild.title),
                    left_at: news.left.then_some(at),
                    ..guild
                };
                tx.save_guild(&changed).await?
            }
            None => {
                self.found(tx, platform, native, news.title.as_deref(), at)
                    .await?
            }
        };
        if moved {
            self.tell_moved(tx, &guild, at).await?;
        }
        self.learned.guilds.insert((platform, native.clone()), guild.id);
        Ok(guild.id)
    }

    /// Who asked under the new id before was told what nobody chose, and goes by it until they hear of this.
    async fn tell_moved(&self, tx: &mut Tx, guild: &Guild, at: DateTime<Utc>) -> Result<(), StoreError> {
        let version = tx.next_config_version(guild.id).await?;
        let told = Event::Guild(GuildEvent::Config(GuildConfig {
            platform: guild.platform,
            guild_id: guild.native_id.clone(),
            version: version.unwrap_or_default(),
            rule_set_hash: None,
            changed: vec!["rules".to_owned(), "settings".to_owned()],
        }));
        let id = EventId(self.book.ids.next());
        let envelope = Envelope::new(id, at, Source::Backend, None, &told).expect("it is small");
        tx.publish(guild.id, &envelope, at).await
    }

    async fn found(
        &self,
        tx: &mut Tx,
        platform: Platform,
        native: &GuildId,
        title: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<Guild, StoreError> {
        let ids = &self.book.ids;
        let title = title.unwrap_or(native.as_str());
        let community = Community {
            id: CommunityId(ids.next()),
            slug: format!("{platform}-{native}"),
            name: title.to_owned(),
            settings: Json(json!({})),
            created_at: self.now,
            updated_at: self.now,
            deleted_at: None,
        };
        tx.insert_community(&community).await?;
        let guild = Guild {
            id: GuildKey(ids.next()),
            community_id: community.id,
            platform,
            native_id: native.clone(),
            title: title.to_owned(),
            joined_at: at,
            left_at: None,
        };
        let guild = tx.save_guild(&guild).await?;
        tracing::info!("{title} ({platform}:{native}) is a community of ours from now on");
        Ok(guild)
    }

    async fn person(
        &mut self,
        tx: &mut Tx,
        platform: Platform,
        person: &Person,
        at: DateTime<Utc>,
    ) -> Result<IdentityId, StoreError> {
        let key = (platform, person.id.clone());
        let known = self
            .learned
            .people
            .get(&key)
            .or_else(|| self.book.known.people.get(&key));
        if let Some((identity, since)) = known
            && !person.renamed
            && at - *since < FRESH
        {
            return Ok(*identity);
        }
        let seen = Seen {
            platform,
            native_id: person.id.clone(),
            username: person.names.username.clone(),
            display_name: person.names.display_name.clone(),
            is_bot: person.bot,
            at,
        };
        let ids = &self.book.ids;
        let new = (PersonId(ids.next()), IdentityId(ids.next()));
        let identity = tx.see(&seen, new).await?.id;
        self.learned.people.insert(key, (identity, at));
        Ok(identity)
    }

    fn count(&mut self, guild: GuildKey, identity: Option<IdentityId>, counts: Counts, at: DateTime<Utc>) {
        if counts == Counts::default() {
            return;
        }
        let Counts {
            messages,
            edits,
            deletes,
            reactions,
            links,
            media,
            joins,
            leaves,
            actions,
            flagged,
        } = counts;
        if messages + joins + leaves + actions + flagged > 0 {
            self.hours.push(GuildHour {
                guild_id: guild,
                hour: at,
                messages,
                joins,
                leaves,
                actions,
                flagged,
            });
        }
        if let Some(identity_id) = identity {
            self.days.push(UserDay {
                guild_id: guild,
                identity_id,
                day: at,
                messages,
                edits,
                deletes,
                reactions,
                links,
                media,
                commands: 0,
                joins,
                voice_seconds: 0,
                flagged,
            });
        }
    }
}

//! What the domain asks for is done, on a Telegram that keeps the real one's rules.

use super::*;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_runtime::{Clock, Config, MockClock};
use lockdown_testkit::fakes::FakeTelegram;
use lockdown_testkit::fakes::telegram::{Fault, Limit, Permissions, Status};
use serde_json::json;
use std::time::Duration;

const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0";

struct Town {
    fake: FakeTelegram,
    clock: MockClock,
    telegram: Telegram,
    bot: i64,
    owner: i64,
    chat: i64,
    mallory: i64,
}

fn user(id: i64) -> UserId {
    UserId::new(&id.to_string()).unwrap()
}

fn guild(id: i64) -> GuildId {
    GuildId::new(&id.to_string()).unwrap()
}

fn messages(ids: &[i64]) -> Vec<MessageId> {
    let each = ids.iter().map(|id| MessageId::new(&id.to_string()).unwrap());
    each.collect()
}

// === impl Town ===

impl Town {
    async fn build() -> Self {
        let (clock, mock) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
        let fake = FakeTelegram::start_at(clock.clone()).await.unwrap();
        let bot = fake.add_bot(TOKEN, "lockdown");
        let owner = fake.add_person("Olga", None);
        let chat = fake.add_supergroup("Town", owner);
        fake.set_status(
            chat,
            owner,
            bot,
            Status::administrator(Permissions::administrator()),
        );
        let mallory = fake.add_person("Mallory", Some("mallory"));
        fake.add_member(chat, owner, mallory);
        let config =
            Config::from_map([("TELEGRAM_TOKEN", TOKEN), ("TELEGRAM_API_URL", &fake.url())]).unwrap();
        let token = config.telegram.token.unwrap();
        let client = Client::new(&token, config.telegram.api_url.as_ref(), clock.clone()).unwrap();
        let administrators = Arc::new(Administrators::new(client.clone(), clock.clone()));
        let sweeper = Arc::new(Sweeper::new(client.clone()));
        let memory = Memory::new(clock, Arc::clone(&sweeper));
        Self {
            telegram: Telegram::new(client, administrators, sweeper, Arc::new(memory)),
            fake,
            clock: mock,
            bot,
            owner,
            chat,
            mallory,
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    fn status(&self) -> Status {
        self.fake.status(self.chat, self.mallory)
    }

    async fn ban(&self, until: Term) -> Result<(), PlatformError> {
        self.telegram
            .ban(&guild(self.chat), &user(self.mallory), until, None, "spam")
            .await
    }

    async fn mute(&self, until: Term) -> Result<(), PlatformError> {
        self.telegram
            .mute(&guild(self.chat), &user(self.mallory), until, "spam")
            .await
    }

    async fn unmute(&self) -> Result<(), PlatformError> {
        let (chat, mallory) = (guild(self.chat), user(self.mallory));
        self.telegram.unmute(&chat, &mallory, "enough").await
    }

    async fn unban(&self) -> Result<(), PlatformError> {
        let (chat, mallory) = (guild(self.chat), user(self.mallory));
        self.telegram.unban(&chat, &mallory, "enough").await
    }

    async fn kick(&self) -> Result<(), PlatformError> {
        let (chat, mallory) = (guild(self.chat), user(self.mallory));
        self.telegram.kick(&chat, &mallory, "spam").await
    }
}

#[tokio::test]
async fn a_ban_ends_when_it_should_and_only_where_there_is_one() {
    let town = Town::build().await;
    let until = town.now() + TimeDelta::days(3);
    town.ban(Term::Until(until)).await.unwrap();
    assert_eq!(town.status(), Status::Banned { until: Some(until) });
    assert!(
        town.telegram
            .is_banned(&guild(town.chat), &user(town.mallory))
            .await
            .unwrap()
    );
    assert_eq!(
        town.telegram.member(&guild(town.chat), &user(town.mallory)).await,
        Ok(None)
    );
    town.unban().await.unwrap();
    assert_eq!(town.unban().await, Err(PlatformError::NotFound(Missing::Ban)));
    town.fake.join(town.chat, town.mallory);
    assert_eq!(town.unban().await, Err(PlatformError::NotFound(Missing::Ban)));
    assert!(town.status().is_present(), "an end of no ban removes nobody");
}

#[tokio::test]
async fn who_is_kicked_may_return_and_a_banned_person_is_not_freed_by_it() {
    let town = Town::build().await;
    town.kick().await.unwrap();
    assert_eq!(town.status(), Status::Left);
    town.fake.join(town.chat, town.mallory);
    assert!(town.status().is_present());
    town.ban(Term::Forever).await.unwrap();
    assert_eq!(town.kick().await, Err(PlatformError::NotFound(Missing::Member)));
    assert_eq!(
        town.mute(Term::Forever).await,
        Err(PlatformError::NotFound(Missing::Member))
    );
    assert!(town.status().is_banned());
}

#[tokio::test]
async fn who_is_freed_may_what_everybody_may() {
    let town = Town::build().await;
    town.fake.set_defaults(
        town.chat,
        Permissions::of(&["can_send_messages", "can_send_photos", "can_edit_tag"]),
    );
    town.mute(Term::Until(town.now() + TimeDelta::hours(1)))
        .await
        .unwrap();
    assert!(!town.fake.may(town.chat, town.mallory, "can_send_messages"));
    let member = town
        .telegram
        .member(&guild(town.chat), &user(town.mallory))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(member.muted, Some(Term::Until(town.now() + TimeDelta::hours(1))));
    assert_eq!((member.name.as_str(), member.rank), ("Mallory", Rank::PLAIN));
    town.unmute().await.unwrap();
    let given = &town.fake.calls("restrictChatMember")[1].params["permissions"];
    assert_eq!(
        (&given["can_edit_tag"], &given["can_send_polls"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(town.status(), Status::Member);
    town.unmute().await.unwrap();
    assert_eq!(
        town.fake.calls("restrictChatMember").len(),
        2,
        "who is free is not freed again"
    );
}

#[tokio::test]
async fn a_channel_is_banned_as_a_channel() {
    let town = Town::build().await;
    let channel = town.fake.add_channel("Gifts", town.mallory);
    let of = user(channel);
    let until = Term::Until(town.now() + TimeDelta::days(1));
    town.telegram
        .ban(&guild(town.chat), &of, until, None, "spam")
        .await
        .unwrap();
    assert!(town.fake.is_channel_banned(town.chat, channel));
    assert!(town.fake.calls("banChatMember").is_empty());
    town.telegram.unban(&guild(town.chat), &of, "").await.unwrap();
    assert!(!town.fake.is_channel_banned(town.chat, channel));
    // What speaks as the group or as its channel keeps order there.
    town.fake.link(town.chat, channel);
    for staff in [town.chat, channel] {
        let member = town
            .telegram
            .member(&guild(town.chat), &user(staff))
            .await
            .unwrap()
            .unwrap();
        assert!(member.rank.is_staff() && member.rank.position() > 0);
    }
}

#[tokio::test]
async fn ranks_and_rights_are_telegrams() {
    let town = Town::build().await;
    let rank = async |who| {
        town.telegram
            .member(&guild(town.chat), &user(who))
            .await
            .unwrap()
            .unwrap()
            .rank
    };
    assert_eq!(rank(town.owner).await, Rank::Owner);
    assert_eq!(rank(town.mallory).await, Rank::PLAIN);
    let own = town.telegram.own_rank(&guild(town.chat)).await.unwrap();
    assert!(
        own.rights().has(Right::Ban)
            && own.rights().has(Right::Delete)
            && !own.rights().has(Right::Configure)
    );
    let rights = Permissions::rights(&["can_delete_messages"]);
    town.fake
        .set_status(town.chat, town.owner, town.mallory, Status::administrator(rights));
    let helper = rank(town.mallory).await;
    assert!(
        helper.rights().has(Right::Delete) && !helper.rights().has(Right::Ban) && !helper.is_administrator()
    );
    let nobody = town.telegram.member(&guild(town.chat), &user(1)).await;
    assert_eq!(nobody, Ok(None));
}

#[tokio::test]
async fn a_purge_takes_few_calls_and_names_what_is_too_old() {
    let town = Town::build().await;
    let say = |count: usize| -> Vec<i64> {
        let said = (0..count).map(|_| {
            let id = town.fake.say(town.chat, town.mallory, "spam");
            town.telegram.memory.note_age(&guild(town.chat), id, town.now());
            id
        });
        said.collect()
    };
    let old = say(20);
    town.clock.advance(TimeDelta::hours(49));
    let new = say(230);
    let all = messages(&[old.clone(), new.clone()].concat());
    let channel = ChannelId::new(&town.chat.to_string()).unwrap();
    let deleted = town
        .telegram
        .delete(&guild(town.chat), &channel, &all, "")
        .await
        .unwrap();
    assert_eq!((deleted.deleted, deleted.too_old), (230, messages(&old)));
    assert_eq!(town.fake.calls("deleteMessages").len(), 3);
    assert!(new.iter().all(|id| town.fake.message(town.chat, *id).is_none()));
}

#[tokio::test]
async fn a_refusal_says_what_kind_it_is() {
    let town = Town::build().await;
    let chat = guild(town.chat);
    let ban = async |who| {
        town.telegram
            .ban(&chat, &user(who), Term::Forever, None, "")
            .await
            .unwrap_err()
    };
    assert_eq!(ban(town.owner).await, PlatformError::Rank);
    assert_eq!(ban(1).await, PlatformError::NotFound(Missing::Person));
    let closed = town
        .telegram
        .message(&user(town.mallory), "hello")
        .await
        .unwrap_err();
    assert!(matches!(closed, PlatformError::Closed(_)), "{closed:?}");
    town.fake.start_bot(town.mallory, town.bot);
    town.telegram
        .message(&user(town.mallory), &"😀".repeat(3_000))
        .await
        .unwrap();
    assert_eq!(
        town.fake.said(town.mallory, town.bot)[0].encode_utf16().count(),
        4_096
    );
    let rights = Permissions::rights(&["can_delete_messages"]);
    town.fake
        .set_status(town.chat, town.owner, town.bot, Status::administrator(rights));
    assert_eq!(ban(town.mallory).await, PlatformError::Forbidden(Right::Ban));
    town.fake
        .set_status(town.chat, town.owner, town.bot, Status::Banned { until: None });
    assert_eq!(ban(town.mallory).await, PlatformError::Gone);
    assert_eq!(
        town.telegram.member(&guild(-7), &user(town.mallory)).await,
        Err(PlatformError::Gone)
    );
}

#[tokio::test]
async fn a_wait_that_telegram_asks_for_is_kept_to_the_second() {
    let town = Town::build().await;
    town.fake.fault("banChatMember", 1, Fault::RetryAfter(7));
    let banning = town.ban(Term::Forever);
    tokio::pin!(banning);
    while town.clock.sleepers() == 0 {
        assert!(futures_util::poll!(&mut banning).is_pending());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(town.clock.next_due(), Some(town.now() + TimeDelta::seconds(7)));
    town.clock.advance(TimeDelta::seconds(7));
    banning.await.unwrap();
    assert!(town.status().is_banned());
    assert_eq!(
        (town.fake.calls("banChatMember").len(), town.fake.impatient()),
        (2, 0)
    );
    // Too long to stand and wait: whoever asked decides.
    town.fake.fault("unbanChatMember", 1, Fault::RetryAfter(300));
    let limited = town.unban().await.unwrap_err();
    assert_eq!(
        limited,
        PlatformError::Limited {
            retry_after: Duration::from_secs(300)
        }
    );
    assert!(matches!(town.unban().await, Err(PlatformError::Limited { .. })));
    assert_eq!(town.fake.calls("unbanChatMember").len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_lost_is_not_taken_for_a_refusal() {
    let town = Town::build().await;
    for fault in [Fault::Dropped, Fault::Garbage] {
        town.fake.fault("banChatMember", 1, fault);
        let lost = town.ban(Term::Forever).await.unwrap_err();
        assert!(matches!(lost, PlatformError::Unavailable(_)), "{lost:?}");
        assert!(!format!("{lost:?}").contains(TOKEN));
    }
    town.ban(Term::Forever).await.unwrap();
}

#[tokio::test]
async fn what_is_said_keeps_the_pace() {
    let town = Town::build().await;
    town.fake.limit(Limit::sends());
    let people: Vec<i64> = (0..30)
        .map(|number| {
            let person = town.fake.add_person(&format!("P{number}"), None);
            town.fake.start_bot(person, town.bot);
            person
        })
        .collect();
    for person in &people {
        town.telegram
            .message(&user(*person), "you were warned")
            .await
            .unwrap();
    }
    // The next one waits its turn, and a ban does not wait for it.
    let (to, words) = (user(people[0]), "and again");
    let one_more = town.telegram.message(&to, words);
    tokio::pin!(one_more);
    assert!(futures_util::poll!(&mut one_more).is_pending());
    town.ban(Term::Forever).await.unwrap();
    assert!(futures_util::poll!(&mut one_more).is_pending());
    town.clock.advance(TimeDelta::seconds(1));
    one_more.await.unwrap();
    assert_eq!(town.fake.calls("sendMessage").len(), 31);
    assert_eq!(
        town.fake
            .calls("sendMessage")
            .iter()
            .filter(|call| call.status == 429)
            .count(),
        0
    );
}

#[tokio::test]
async fn a_group_that_moved_is_followed() {
    let town = Town::build().await;
    let group = town.fake.add_group("Village", town.owner);
    town.fake.set_status(
        group,
        town.owner,
        town.bot,
        Status::administrator(Permissions::administrator()),
    );
    town.fake.add_member(group, town.owner, town.mallory);
    let moved = town.fake.migrate(group);
    let (old, mallory) = (guild(group), user(town.mallory));
    town.telegram
        .ban(&old, &mallory, Term::Forever, None, "")
        .await
        .unwrap();
    assert!(town.fake.status(moved, town.mallory).is_banned());
    town.telegram.unban(&old, &mallory, "").await.unwrap();
    assert!(!town.fake.status(moved, town.mallory).is_banned());
}

#[tokio::test]
async fn what_is_about_a_message_hits_no_other_where_the_group_lives_now() {
    let town = Town::build().await;
    let group = town.fake.add_group("Village", town.owner);
    let rights = Status::administrator(Permissions::administrator());
    town.fake.set_status(group, town.owner, town.bot, rights);
    let bad: Vec<i64> = (0..3).map(|_| town.fake.say(group, town.owner, "bad")).collect();
    let moved = town.fake.migrate(group);
    let good: Vec<i64> = (0..5).map(|_| town.fake.say(moved, town.owner, "good")).collect();
    assert!(
        bad.iter().any(|number| good.contains(number)),
        "numbers begin anew"
    );
    let channel = ChannelId::new(&group.to_string()).unwrap();
    // Before it is known that the group moved, and after.
    for _ in 0..2 {
        town.telegram
            .delete(&guild(group), &channel, &messages(&bad), "")
            .await
            .unwrap();
        let left = town.fake.messages(moved);
        assert!(good.iter().all(|number| left.contains(number)), "{left:?}");
    }
    let fresh = good[0];
    town.telegram
        .delete(&guild(moved), &channel, &messages(&[fresh]), "")
        .await
        .unwrap();
    assert!(!town.fake.messages(moved).contains(&fresh));
}

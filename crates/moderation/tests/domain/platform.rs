//! What stands on top of a platform that does the least.

use async_trait::async_trait;
use lockdown_events::{ChannelId, GuildId, MessageId, Platform as Name, UserId};
use lockdown_moderation::{
    Deleted, Fault, Limits, Member, Missing, Platform, PlatformError, Rank, Right, Span, Term,
};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

/// A community whose ids say how it takes a ban.
struct Small {
    own: UserId,
    banned: Mutex<BTreeSet<UserId>>,
}

#[async_trait]
impl Platform for Small {
    fn limits(&self) -> &'static Limits {
        Limits::of(Name::Telegram)
    }

    async fn ban(
        &self,
        _: &GuildId,
        user: &UserId,
        _: Term,
        _: Option<Span>,
        _: &str,
    ) -> Result<(), PlatformError> {
        match user.as_str() {
            "senior" => Err(PlatformError::Rank),
            "busy" => Err(PlatformError::Limited {
                retry_after: Duration::from_secs(3),
            }),
            _ => {
                self.banned.lock().unwrap().insert(user.clone());
                Ok(())
            }
        }
    }

    async fn unban(&self, _: &GuildId, user: &UserId, _: &str) -> Result<(), PlatformError> {
        let was = self.banned.lock().unwrap().remove(user);
        was.then_some(()).ok_or(PlatformError::NotFound(Missing::Ban))
    }

    async fn kick(&self, _: &GuildId, _: &UserId, _: &str) -> Result<(), PlatformError> {
        Ok(())
    }

    async fn mute(&self, _: &GuildId, _: &UserId, _: Term, _: &str) -> Result<(), PlatformError> {
        Ok(())
    }

    async fn unmute(&self, _: &GuildId, _: &UserId, _: &str) -> Result<(), PlatformError> {
        Ok(())
    }

    async fn delete(
        &self,
        _: &GuildId,
        _: &ChannelId,
        ids: &[MessageId],
        _: &str,
    ) -> Result<Deleted, PlatformError> {
        Ok(Deleted {
            deleted: ids.len(),
            too_old: Vec::new(),
        })
    }

    async fn message(&self, _: &UserId, _: &str) -> Result<(), PlatformError> {
        Err(PlatformError::Closed("blocked".to_owned()))
    }

    async fn member(&self, _: &GuildId, _: &UserId) -> Result<Option<Member>, PlatformError> {
        Ok(None)
    }

    async fn is_banned(&self, _: &GuildId, user: &UserId) -> Result<bool, PlatformError> {
        Ok(self.banned.lock().unwrap().contains(user))
    }

    async fn title(&self, _: &GuildId) -> Option<String> {
        None
    }

    fn own_id(&self) -> &UserId {
        &self.own
    }

    async fn own_rank(&self, _: &GuildId) -> Result<Rank, PlatformError> {
        Ok(Rank::PLAIN)
    }
}

fn users(names: &[&str]) -> Vec<UserId> {
    names.iter().map(|name| UserId::new(name).unwrap()).collect()
}

#[tokio::test]
async fn a_ban_of_many_has_a_result_for_each_and_stops_where_it_must() {
    let small = Small {
        own: UserId::new("bot").unwrap(),
        banned: Mutex::default(),
    };
    let platform: &dyn Platform = &small;
    let guild = GuildId::new("7").unwrap();
    let asked = users(&["a", "senior", "b", "busy", "c"]);
    let done = platform.ban_many(&guild, &asked, None, "raid").await;
    let expected = vec![
        (asked[0].clone(), Ok(())),
        (asked[1].clone(), Err(PlatformError::Rank)),
        (asked[2].clone(), Ok(())),
    ];
    assert_eq!(done.results, expected);
    assert_eq!(done.left, users(&["busy", "c"]));
    assert_eq!(
        done.stopped_by,
        Some(PlatformError::Limited {
            retry_after: Duration::from_secs(3)
        })
    );
    assert!(platform.is_banned(&guild, &asked[2]).await.unwrap());
    assert!(!platform.is_banned(&guild, &asked[4]).await.unwrap());

    let rest = platform.ban_many(&guild, &done.left[1..], None, "raid").await;
    assert_eq!(
        (rest.results.len(), rest.left.len(), rest.stopped_by),
        (1, 0, None)
    );
    assert!(platform.is_banned(&guild, &asked[4]).await.unwrap());
}

#[test]
fn errors_say_whether_another_try_makes_sense() {
    let limited = PlatformError::Limited {
        retry_after: Duration::from_millis(1_500),
    };
    let away = PlatformError::Unavailable(Fault("connection reset".to_owned()));
    for (error, permanent, stops, said) in [
        (
            PlatformError::NotFound(Missing::Person),
            true,
            false,
            "there is no such person",
        ),
        (
            PlatformError::NotFound(Missing::Member),
            true,
            false,
            "there is no such member",
        ),
        (
            PlatformError::NotFound(Missing::Ban),
            true,
            false,
            "there is no such ban",
        ),
        (
            PlatformError::NotFound(Missing::Message),
            true,
            false,
            "there is no such message",
        ),
        (
            PlatformError::NotFound(Missing::Channel),
            true,
            false,
            "there is no such channel",
        ),
        (
            PlatformError::Forbidden(Right::Ban),
            true,
            false,
            "the bot lacks the right to ban",
        ),
        (
            PlatformError::Rank,
            true,
            false,
            "the person stands above the bot",
        ),
        (
            PlatformError::Closed("blocked".into()),
            true,
            false,
            "the person takes no messages: blocked",
        ),
        (
            PlatformError::Gone,
            true,
            true,
            "the bot is no longer in the community",
        ),
        (
            PlatformError::Refused("50035".into()),
            true,
            false,
            "the platform refused it: 50035",
        ),
        (limited, false, true, "too many calls, again in 1.5s"),
        (away.clone(), false, true, "the platform could not be reached"),
    ] {
        assert_eq!(
            (error.is_permanent(), error.stops_all()),
            (permanent, stops),
            "{error}"
        );
        assert_eq!(error.to_string(), said);
    }
    // The library's own words come once, by the chain.
    assert_eq!(
        std::error::Error::source(&away).unwrap().to_string(),
        "connection reset"
    );
}

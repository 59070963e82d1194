//! What is done on Discord, and what is said when it is not.

use crate::town::{TOKEN, Town, days};
use lockdown_events::{ChannelId, GuildId, MessageId, UserId};
use lockdown_moderation::{Missing, Platform, PlatformError, Rank, Right, Span, Term};
use lockdown_runtime::{Clock, Secret, SecretUrl};
use lockdown_testkit::fakes::discord::Fault;
use lockdown_testkit::fakes::discord::permissions::{
    ADMINISTRATOR, BAN_MEMBERS, BOT, MANAGE_GUILD, MODERATE_MEMBERS,
};
use serde_json::json;
use std::time::Duration;

fn user(id: u64) -> UserId {
    UserId::new(&id.to_string()).unwrap()
}

fn guild(id: u64) -> GuildId {
    GuildId::new(&id.to_string()).unwrap()
}

fn channel(id: u64) -> ChannelId {
    ChannelId::new(&id.to_string()).unwrap()
}

fn messages(ids: &[u64]) -> Vec<MessageId> {
    ids.iter()
        .map(|id| MessageId::new(&id.to_string()).unwrap())
        .collect()
}

/// The bot's hand, and the guild in which it acts.
async fn hand() -> (Town, impl Platform, GuildId) {
    let town = Town::embedded().await;
    let url = SecretUrl::new(town.discord.url().parse().unwrap());
    let hand = lockdown_discord_bot::Discord::connect(&Secret::new(TOKEN), Some(&url), Clock::system())
        .await
        .unwrap();
    let id = guild(town.guild);
    // Reads who may do what there.
    hand.own_rank(&id).await.unwrap();
    (town, hand, id)
}

#[tokio::test]
async fn a_ban_removes_what_was_said_lately_and_says_why() {
    let (town, hand, guild) = hand().await;
    let discord = &town.discord;
    let old = discord.said(town.ana, town.channel, "two days ago", days(2));
    let new = discord.say(town.ana, town.channel, "just now");
    let day = Span::seconds(86_400).unwrap();
    let reason = format!("5: {} [case 7]", "спам 🦀 ".repeat(30));
    hand.ban(&guild, &user(town.ana), Term::Forever, Some(day), &reason)
        .await
        .unwrap();
    assert!(discord.is_banned(town.guild, town.ana));
    assert_eq!(discord.ban_reason(town.guild, town.ana), Some(reason.clone()));
    assert!(discord.has_message(town.channel, old) && !discord.has_message(town.channel, new));
    let asked = &discord.requests_to("PUT guilds/{}/bans/{}")[0];
    assert_eq!(asked.body, json!({ "delete_message_seconds": 86_400 }));
    assert!(asked.query.is_empty());
    // The same again changes nothing.
    hand.ban(&guild, &user(town.ana), Term::Forever, None, &reason)
        .await
        .unwrap();
    assert_eq!(
        discord
            .audit(town.guild)
            .iter()
            .filter(|entry| entry["action_type"] == 22)
            .count(),
        1
    );

    assert_eq!(hand.is_banned(&guild, &user(town.ana)).await, Ok(true));
    hand.unban(&guild, &user(town.ana), "5: over [case 8]")
        .await
        .unwrap();
    assert_eq!(hand.is_banned(&guild, &user(town.ana)).await, Ok(false));
    let again = hand.unban(&guild, &user(town.ana), "5: over [case 8]").await;
    assert_eq!(again, Err(PlatformError::NotFound(Missing::Ban)));

    let week = Span::seconds(8 * 86_400).unwrap();
    let refused = hand
        .ban(&guild, &user(town.ana), Term::Forever, Some(week), "x")
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("at most 7 days"), "{refused}");
    assert_eq!(discord.invalid_requests(), 0);
}

#[tokio::test]
async fn a_mute_is_as_long_as_discord_lets_it_be() {
    let (town, hand, guild) = hand().await;
    let now = Clock::system().now();
    let hour = now + chrono::TimeDelta::hours(1);
    hand.mute(&guild, &user(town.ana), Term::Until(hour), "x")
        .await
        .unwrap();
    assert_eq!(
        town.discord
            .muted_until(town.guild, town.ana)
            .unwrap()
            .timestamp_millis(),
        hour.timestamp_millis()
    );
    let member = hand.member(&guild, &user(town.ana)).await.unwrap().unwrap();
    assert_eq!(
        member.muted.and_then(Term::at).map(|at| at.timestamp_millis()),
        Some(hour.timestamp_millis())
    );
    for term in [Term::Forever, Term::Until(now + days(90))] {
        hand.mute(&guild, &user(town.ana), term, "x").await.unwrap();
        let until = town.discord.muted_until(town.guild, town.ana).unwrap();
        assert!(until > now + days(27) && until < now + days(28), "{until}");
    }
    hand.unmute(&guild, &user(town.ana), "x").await.unwrap();
    assert_eq!(town.discord.muted_until(town.guild, town.ana), None);
    hand.kick(&guild, &user(town.ana), "x").await.unwrap();
    assert!(!town.discord.is_member(town.guild, town.ana));
    let gone = hand.mute(&guild, &user(town.ana), Term::Forever, "x").await;
    assert_eq!(gone, Err(PlatformError::NotFound(Missing::Member)));
    let gone = hand.kick(&guild, &user(town.ana), "x").await;
    assert_eq!(gone, Err(PlatformError::NotFound(Missing::Member)));
}

#[tokio::test]
async fn what_discord_refuses_is_told_apart() {
    let (town, hand, id) = hand().await;
    let discord = &town.discord;
    let chief = discord.person("Chief");
    discord.join(town.guild, chief);
    let high = discord.role(town.guild, "chief", 60, ADMINISTRATOR);
    discord.give(town.guild, chief, high);
    for above in [chief, town.owner] {
        assert_eq!(
            hand.ban(&id, &user(above), Term::Forever, None, "x").await,
            Err(PlatformError::Rank)
        );
        assert_eq!(
            hand.mute(&id, &user(above), Term::Forever, "x").await,
            Err(PlatformError::Rank)
        );
    }
    let nobody = hand.ban(&id, &user(4_711), Term::Forever, None, "x").await;
    assert_eq!(nobody, Err(PlatformError::NotFound(Missing::Person)));
    let wrong = hand
        .ban(&id, &UserId::new("-5").unwrap(), Term::Forever, None, "x")
        .await;
    assert_eq!(
        wrong,
        Err(PlatformError::Refused("`-5` is no id of Discord's".to_owned()))
    );
    let elsewhere = hand.kick(&guild(4_711_000), &user(town.ana), "x").await;
    assert_eq!(elsewhere, Err(PlatformError::Gone));

    // A right that is missing is not tried: Discord counts it.
    let village = discord.guild("Village", town.owner);
    discord.invite_with(village, town.bot, BOT & !BAN_MEMBERS, 50);
    discord.join(village, town.ana);
    let village = guild(village);
    hand.own_rank(&village).await.unwrap();
    let before = discord.requests().len();
    let refused = hand
        .ban(&village, &user(town.ana), Term::Forever, None, "x")
        .await;
    assert_eq!(refused, Err(PlatformError::Forbidden(Right::Ban)));
    assert_eq!(discord.requests().len(), before);
}

#[tokio::test]
async fn who_takes_no_messages_is_told_apart() {
    let (town, hand, _) = hand().await;
    hand.message(&user(town.ana), "You were warned: be kind.")
        .await
        .unwrap();
    assert_eq!(
        town.discord.direct_messages(town.ana),
        ["You were warned: be kind."]
    );
    // Discord did it, and its answer was lost: it is not said twice.
    town.discord
        .fail("POST", "channels/{}/messages", 1, Fault::CutAfter);
    hand.message(&user(town.ana), "Again.").await.unwrap();
    assert_eq!(town.discord.direct_messages(town.ana).len(), 2);
    town.discord.close_dms(town.ana);
    assert!(matches!(
        hand.message(&user(town.ana), "hello").await,
        Err(PlatformError::Closed(_))
    ));
    let stranger = town.discord.person("Stranger");
    assert!(matches!(
        hand.message(&user(stranger), "hello").await,
        Err(PlatformError::Closed(_))
    ));
    let body = &town.discord.requests_to("POST channels/{}/messages")[0].body;
    assert_eq!(body["allowed_mentions"], json!({ "parse": [] }));
}

#[tokio::test]
async fn members_are_shown_with_their_rank() {
    let (town, hand, guild) = hand().await;
    let discord = &town.discord;
    let (low, high) = (
        discord.role(town.guild, "helper", 3, MODERATE_MEMBERS),
        discord.role(town.guild, "lead", 7, MANAGE_GUILD),
    );
    discord.give(town.guild, town.ana, low);
    discord.give(town.guild, town.ana, high);
    discord.nick(town.guild, town.ana, Some("Anna"));
    // Its roles were read before there were these: a new hand knows them.
    let url = SecretUrl::new(discord.url().parse().unwrap());
    let fresh = lockdown_discord_bot::Discord::connect(&Secret::new(TOKEN), Some(&url), Clock::system())
        .await
        .unwrap();
    let ana = fresh.member(&guild, &user(town.ana)).await.unwrap().unwrap();
    assert_eq!((ana.name.as_str(), ana.bot), ("Anna", false));
    let Rank::Member {
        position,
        administrator,
        rights,
    } = ana.rank
    else {
        panic!("{:?}", ana.rank);
    };
    assert_eq!((position, administrator), (7, false));
    assert!(rights.has(Right::Mute) && rights.has(Right::Configure) && !rights.has(Right::Ban));
    let owner = fresh.member(&guild, &user(town.owner)).await.unwrap().unwrap();
    assert_eq!(owner.rank, Rank::Owner);
    assert_eq!(fresh.member(&guild, &user(4_711_000)).await, Ok(None));
    let own = fresh.own_rank(&guild).await.unwrap();
    assert_eq!(own.position(), 50);
    assert!(own.rights().has(Right::Ban));
    assert_eq!(hand.own_id().as_str(), town.bot.to_string());
}

#[tokio::test]
async fn many_messages_go_in_few_calls_and_old_ones_alone() {
    let (town, hand, guild) = hand().await;
    let discord = &town.discord;
    let young: Vec<u64> = (0..150)
        .map(|n| discord.say(town.ana, town.channel, &n.to_string()))
        .collect();
    let old: Vec<u64> = (0..30)
        .map(|n| discord.said(town.ana, town.channel, &n.to_string(), days(20)))
        .collect();
    discord.delete(town.channel, &young[..1]);
    let mut all = [&young[..], &old[..], &young[5..9]].concat();
    all.push(1_176_523_342_000_000_000);
    let deleted = hand
        .delete(&guild, &channel(town.channel), &messages(&all), "x")
        .await
        .unwrap();
    assert_eq!(deleted.deleted + deleted.too_old.len(), 181);
    assert_eq!(discord.messages(town.channel).len(), deleted.too_old.len());
    assert!(young.iter().all(|id| !discord.has_message(town.channel, *id)));
    assert_eq!(
        discord.requests_to("POST channels/{}/messages/bulk-delete").len(),
        2
    );
    let again = hand
        .delete(&guild, &channel(town.channel), &messages(&young[..1]), "x")
        .await
        .unwrap();
    assert_eq!(again.deleted, 1);
    assert_eq!(discord.invalid_requests(), 0);
}

#[tokio::test]
async fn many_people_are_banned_together_and_each_has_a_result() {
    let (town, hand, id) = hand().await;
    let discord = &town.discord;
    let people: Vec<u64> = (0..250).map(|n| discord.person(&format!("P{n}"))).collect();
    let chief = discord.person("Chief");
    discord.join(town.guild, chief);
    let high = discord.role(town.guild, "chief", 60, 0);
    discord.give(town.guild, chief, high);
    discord.ban_by(town.owner, town.guild, people[3], Some("earlier"));
    let mut wanted: Vec<UserId> = people.iter().map(|id| user(*id)).collect();
    wanted.insert(10, user(chief));
    wanted.insert(11, UserId::new("nobody").unwrap());
    wanted.push(user(4_711_000));
    let result = hand.ban_many(&id, &wanted, None, "raid").await;
    assert_eq!((result.left.len(), result.stopped_by), (0, None));
    let order: Vec<&UserId> = result.results.iter().map(|(user, _)| user).collect();
    assert_eq!(order, wanted.iter().collect::<Vec<_>>());
    let failed: Vec<(&str, &PlatformError)> = result
        .results
        .iter()
        .filter_map(|(user, result)| Some((user.as_str(), result.as_ref().err()?)))
        .collect();
    let (chief, nobody) = (
        chief.to_string(),
        PlatformError::Refused("`nobody` is no id of Discord's".to_owned()),
    );
    assert_eq!(
        failed,
        [
            (chief.as_str(), &PlatformError::Rank),
            ("nobody", &nobody),
            ("4711000", &PlatformError::NotFound(Missing::Person)),
        ]
    );
    assert!(people.iter().all(|person| discord.is_banned(town.guild, *person)));
    assert_eq!(discord.requests_to("POST guilds/{}/bulk-ban").len(), 2);

    // An answer without a word is no reason to say that anybody was not banned.
    let silent: Vec<UserId> = (0..3).map(|n| user(discord.person(&format!("S{n}")))).collect();
    discord.fail("POST", "bulk-ban", 1, Fault::EmptyAfter);
    let result = hand.ban_many(&id, &silent, None, "raid").await;
    assert!(
        result.results.iter().all(|(_, result)| result.is_ok()),
        "{result:?}"
    );
    assert_eq!(
        (result.results.len(), result.left.len(), result.stopped_by),
        (3, 0, None)
    );

    // Where Discord wants us to wait, it is said who is left.
    let more: Vec<UserId> = (0..3).map(|n| user(discord.person(&format!("Q{n}")))).collect();
    discord.fail("POST", "bulk-ban", 1, Fault::Limited(Duration::from_secs(600)));
    let result = hand.ban_many(&id, &more, None, "raid").await;
    assert_eq!((result.results.len(), result.left), (0, more));
    assert!(
        matches!(result.stopped_by, Some(PlatformError::Limited { retry_after }) if retry_after > Duration::from_secs(590))
    );
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again() {
    let (town, hand, guild) = hand().await;
    let discord = &town.discord;
    discord.fail("PUT", "bans", 1, Fault::Status(502));
    discord.fail("PUT", "bans", 1, Fault::CutAfter);
    discord.fail("PUT", "bans", 1, Fault::StatusAfter(503));
    hand.ban(&guild, &user(town.ana), Term::Forever, None, "5: spam [case 1]")
        .await
        .unwrap();
    assert_eq!(discord.requests_to("PUT guilds/{}/bans/{}").len(), 4);
    assert_eq!(
        discord
            .audit(town.guild)
            .iter()
            .filter(|entry| entry["action_type"] == 22)
            .count(),
        1
    );
    discord.fail("DELETE", "bans", 9, Fault::Status(502));
    let away = hand.unban(&guild, &user(town.ana), "x").await.unwrap_err();
    assert!(matches!(away, PlatformError::Unavailable(_)), "{away:?}");
    discord.fail_no_more();
    discord.fail("DELETE", "bans", 1, Fault::Limited(Duration::from_secs(600)));
    let limited = hand.unban(&guild, &user(town.ana), "x").await.unwrap_err();
    assert!(matches!(limited, PlatformError::Limited { .. }), "{limited:?}");
}

#[tokio::test]
async fn limits_are_kept_and_pauses_too() {
    let (town, hand, guild) = hand().await;
    let discord = &town.discord;
    discord.limit("PUT guilds/{}/bans/{}", 4, Duration::from_millis(400));
    let people: Vec<u64> = (0..30).map(|n| discord.person(&format!("P{n}"))).collect();
    let users: Vec<UserId> = people.iter().map(|id| user(*id)).collect();
    let bans = users
        .iter()
        .map(|user| hand.ban(&guild, user, Term::Forever, None, "x"));
    for result in futures_util::future::join_all(bans).await {
        result.unwrap();
    }
    assert_eq!(discord.limited_requests(), 0);

    discord.fail(
        "DELETE",
        "bans",
        1,
        Fault::LimitedGlobally(Duration::from_millis(700)),
    );
    let lifts = users.iter().map(|user| hand.unban(&guild, user, "x"));
    for result in futures_util::future::join_all(lifts).await {
        result.unwrap();
    }
    assert_eq!(
        (discord.limited_requests(), discord.requests_during_pause()),
        (1, 0)
    );
    // Faster than the whole bot may ask.
    discord.limit("PUT guilds/{}/bans/{}", 1_000, Duration::from_secs(1));
    discord.limit("GET guilds/{}/members/{}", 1_000, Duration::from_secs(1));
    let looks = (0..150).map(|_| async { hand.member(&guild, &user(town.ana)).await.map(drop) });
    for result in futures_util::future::join_all(looks).await {
        result.unwrap();
    }
    // What was sent in time may arrive late on a busy machine; whoever is told to wait, waits and succeeds.
    assert!(discord.limited_requests() <= 3, "{}", discord.limited_requests());
}

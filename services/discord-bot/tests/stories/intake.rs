//! What people do becomes events.

use crate::sizes;
use crate::town::{TOKEN, Town, days, until};
use lockdown_events::{Action, AuthorKind, Event, GuildEvent, MessageEvent, NativeAct, Origin, UserEvent};
use lockdown_moderation::{Platform as _, Term};
use lockdown_runtime::health::Status;
use lockdown_runtime::{Clock, Secret, SecretUrl};
use lockdown_testkit::fakes::discord::permissions::{MODERATE_MEMBERS, VIEW_AUDIT_LOG};
use serde_json::json;

sizes!(
    what_is_said_is_heard_in_its_order,
    edits_and_deletions_are_heard,
    what_discord_stops_itself_is_one_event_for_each_message,
    people_coming_going_and_changing_are_heard,
    what_moderators_do_by_hand_is_one_observation_each,
);

async fn what_is_said_is_heard_in_its_order(town: Town) {
    town.start().await;
    let other = town.discord.channel(town.guild, "other");
    let said: Vec<u64> = (0..200)
        .map(|n| {
            let channel = if n % 3 == 0 { other } else { town.channel };
            town.discord.say(town.ana, channel, &format!("word {n}"))
        })
        .collect();
    let heard = town.messages(200).await;
    let ids: Vec<u64> = heard
        .iter()
        .map(|message| message.message_id.as_str().parse().unwrap())
        .collect();
    assert_eq!(ids, said);
    assert_eq!(heard[7].content, "word 7");
    assert_eq!(heard[7].author.names.display_name.as_deref(), Some("Ana"));
    assert!(heard[7].author.joined_at.is_some() && heard[7].author.account_created_at.is_some());

    // What the bot says itself is no news; other bots and webhooks are.
    let robot = town.discord.other_bot("Robot");
    town.discord.say(town.bot, town.channel, "mine");
    town.discord.say(robot, town.channel, "beep");
    let hook = json!({ "webhook_id": "1176523342123456789", "author": { "id": "1176523342123456789", "username": "hook", "bot": true } });
    town.discord.say_with(robot, town.channel, "posted", &hook);
    let answered =
        json!({ "application_id": "1", "interaction_metadata": { "user": { "id": town.ana.to_string() } } });
    town.discord.say_with(robot, town.channel, "asked for", &answered);
    let heard = town.messages(203).await;
    let kinds: Vec<AuthorKind> = heard[200..].iter().map(|message| message.author.kind).collect();
    assert_eq!(kinds, [AuthorKind::Bot, AuthorKind::Webhook, AuthorKind::Bot]);
    assert_eq!(
        heard[202].invoker_id.as_ref().unwrap().as_str(),
        town.ana.to_string()
    );

    // In a thread, the channel above it is told; what begins a post brings the post's title.
    let thread = town.discord.thread(town.guild, town.channel, "free nitro here");
    town.discord.say(town.ana, thread, "in the thread");
    let heard = town.messages(204).await;
    assert_eq!(
        heard[203].thread_id.as_ref().unwrap().as_str(),
        town.channel.to_string()
    );
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

async fn what_discord_stops_itself_is_one_event_for_each_message(town: Town) {
    town.start().await;
    let stops = |actions: &[u8]| {
        town.discord
            .automod_blocks(town.guild, town.channel, town.ana, "free nitro", actions);
    };
    stops(&[1, 2, 3]);
    stops(&[2]);
    stops(&[9]);
    let heard = town.heard("message:flagged", 2).await;
    let flagged: Vec<_> = heard
        .into_iter()
        .map(|event| match event {
            Event::Message(MessageEvent::Flagged(flagged)) => flagged,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        flagged.iter().map(|flagged| flagged.act).collect::<Vec<_>>(),
        [NativeAct::Block, NativeAct::Alert]
    );
    let first = &flagged[0];
    assert_eq!(
        (first.content.as_str(), first.keyword.as_deref()),
        ("free nitro", Some("free nitro"))
    );
    assert_eq!(first.author_id.as_str(), town.ana.to_string());
    assert_eq!(
        first.channel_id.as_ref().unwrap().as_str(),
        town.channel.to_string()
    );
    assert_eq!(first.message_id, None);
    town.stop().await;
}

async fn edits_and_deletions_are_heard(town: Town) {
    town.start().await;
    let said: Vec<u64> = (0..4)
        .map(|n| town.discord.say(town.ana, town.channel, &format!("word {n}")))
        .collect();
    town.discord.edit(town.channel, said[0], "another word");
    // Discord may tell no more than what changed.
    let part = json!({ "id": said[1].to_string(), "channel_id": town.channel.to_string(), "guild_id": town.guild.to_string(),
                       "embeds": [{ "title": "a preview" }] });
    town.discord.emit(town.guild, "MESSAGE_UPDATE", &part);
    town.discord.emit(town.guild, "MESSAGE_UPDATE", &part);
    // Where it cannot be read, what was told is all there is.
    let hidden = json!({ "id": (said[3] + 1).to_string(), "channel_id": "4711000", "guild_id": town.guild.to_string(),
                         "embeds": [{ "title": "a hidden preview" }] });
    town.discord.emit(town.guild, "MESSAGE_UPDATE", &hidden);
    let edits = town.heard("message:edited", 3).await;
    assert!(
        serde_json::to_string(&town.events("message:edited").await)
            .unwrap()
            .contains("a hidden preview")
    );
    let mut contents: Vec<&str> = edits
        .iter()
        .map(|event| match event {
            Event::Message(MessageEvent::Edited(message)) => message.content.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    // What has to be read first may be overtaken.
    contents.sort_unstable();
    assert_eq!(contents, ["", "another word", "word 1"]);

    town.discord.react(town.ana, town.channel, said[0], "🦀", true);
    town.discord.react(town.ana, town.channel, said[0], "🦀", false);
    town.heard("reaction:added", 1).await;
    let taken = town.heard("reaction:removed", 1).await;
    let [Event::Message(MessageEvent::ReactionRemoved(taken))] = &taken[..] else {
        panic!("{taken:?}");
    };
    assert_eq!((taken.emoji.as_str(), taken.emoji_id.as_deref()), ("🦀", None));

    town.discord.delete(town.channel, &said[..1]);
    town.discord.delete(town.channel, &said[1..]);
    town.heard("message:deleted", 1).await;
    let many = town.heard("message:bulk_deleted", 1).await;
    let [Event::Message(MessageEvent::BulkDeleted(many))] = &many[..] else {
        panic!("{many:?}");
    };
    assert_eq!(many.message_ids.len(), 3);
    town.stop().await;
}

async fn people_coming_going_and_changing_are_heard(town: Town) {
    town.start().await;
    let ben = town.discord.person("Ben");
    town.discord.join(town.guild, ben);
    town.discord.nick(town.guild, ben, Some("Free Nitro"));
    town.discord.leave(town.guild, ben);
    town.discord.join(town.guild, ben);
    town.discord.ban_by(town.owner, town.guild, ben, Some("spam"));
    town.discord.unban_by(town.owner, town.guild, ben);
    town.discord.role(town.guild, "helper", 3, MODERATE_MEMBERS);
    town.heard("user:joined", 2).await;
    town.heard("user:left", 2).await;
    town.heard("user:banned", 1).await;
    town.heard("user:unbanned", 1).await;
    let updated = town.heard("user:updated", 1).await;
    let [Event::User(UserEvent::Updated(updated))] = &updated[..] else {
        panic!("{updated:?}");
    };
    assert_eq!(updated.names.nick.as_deref(), Some("Free Nitro"));
    let changed = town.heard("guild:update", 2).await;
    let [
        Event::Guild(GuildEvent::Update(first)),
        Event::Guild(GuildEvent::Update(changed)),
    ] = &changed[..]
    else {
        panic!("{changed:?}");
    };
    assert_eq!(first.changes[0].after.as_deref(), Some("Town"));
    assert_eq!(changed.changes[0].what, "role");
    town.stop().await;
}

async fn what_moderators_do_by_hand_is_one_observation_each(town: Town) {
    town.start().await;
    let people: Vec<u64> = (0..4).map(|n| town.discord.person(&format!("P{n}"))).collect();
    for person in &people {
        town.discord.join(town.guild, *person);
    }
    let (discord, guild, owner) = (&town.discord, town.guild, town.owner);
    discord.ban_by(owner, guild, people[0], Some("spam"));
    discord.unban_by(owner, guild, people[0]);
    discord.kick_by(owner, guild, people[1], None);
    discord.time_out_by(
        owner,
        guild,
        people[2],
        Some(town.ctx.clock.now() + days(1)),
        Some("calm down"),
    );
    discord.time_out_by(owner, guild, people[2], None, None);
    let observed = town.observed(5).await;
    let acts: Vec<(Action, Option<&str>)> = observed
        .iter()
        .map(|seen| (seen.action, seen.reason.as_deref()))
        .collect();
    assert_eq!(
        acts,
        [
            (Action::Ban, Some("spam")),
            (Action::Unban, None),
            (Action::Kick, None),
            (Action::Mute, Some("calm down")),
            (Action::Unmute, None),
        ]
    );
    for seen in &observed {
        assert_eq!(seen.moderator_id.as_ref().unwrap().as_str(), owner.to_string());
        assert_eq!(seen.origin, Origin::Native);
        assert!(seen.native_id.is_some());
    }
    assert!(observed[3].expires_at.is_some());
    let hour = town.ctx.clock.now() + chrono::TimeDelta::hours(1);
    discord.automod_times_out(guild, people[2], hour, "no slurs");
    let by_rule = town.observed(6).await.remove(5);
    assert_eq!(
        (by_rule.action, by_rule.reason.as_deref()),
        (Action::Mute, Some("no slurs"))
    );
    assert_eq!(
        (
            by_rule.moderator_id,
            by_rule.expires_at.map(|at| at.timestamp_micros())
        ),
        (None, Some(hour.timestamp_micros()))
    );

    // What the bot does itself comes back through the gateway, and is nobody's doing by hand.
    let url = SecretUrl::new(discord.url().parse().unwrap());
    let hand = lockdown_discord_bot::Discord::connect(&Secret::new(TOKEN), Some(&url), Clock::system())
        .await
        .unwrap();
    let (guild_id, user) = (id(guild), id(people[3]));
    hand.ban(
        &guild_id.parse().unwrap(),
        &user.parse().unwrap(),
        Term::Forever,
        None,
        "5: spam [case 1]",
    )
    .await
    .unwrap();
    until("the ban", || async {
        town.events("user:banned").await.len() == 2
    })
    .await;
    discord.ban_by(owner, guild, people[1], None);
    assert_eq!(town.observed(7).await[6].user_id.as_str(), id(people[1]));
    town.stop().await;
}

fn id(id: u64) -> String {
    id.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_privileged_intents_it_goes_on_and_says_what_is_missing() {
    let town = Town::embedded().await;
    town.discord.grant_intents(town.bot, 0);
    town.start_bot().await;
    let said = town.is("gateway", Status::Degraded).await.unwrap();
    assert!(
        said.contains("Server Members Intent") && said.contains("Message Content Intent"),
        "{said}"
    );
    town.discord.say(town.ana, town.channel, "unseen");
    town.discord.say_with(
        town.ana,
        town.channel,
        "seen",
        &json!({ "mentions": [{ "id": town.bot.to_string() }] }),
    );
    let heard = town.messages(2).await;
    assert_eq!(
        [heard[0].content.as_str(), heard[1].content.as_str()],
        ["", "seen"]
    );
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_audit_log_the_rest_is_heard() {
    let town = Town::embedded().await;
    let discord = &town.discord;
    let guild = discord.guild("Village", town.owner);
    let channel = discord.channel(guild, "square");
    discord.invite_with(
        guild,
        town.bot,
        lockdown_testkit::fakes::discord::permissions::BOT & !VIEW_AUDIT_LOG,
        50,
    );
    town.start().await;
    discord.say(town.owner, channel, "hello");
    discord.ban_by(town.owner, guild, town.ana, None);
    town.messages(1).await;
    town.heard("user:banned", 1).await;
    assert!(town.events("moderation:action").await.is_empty());
    town.stop().await;
}

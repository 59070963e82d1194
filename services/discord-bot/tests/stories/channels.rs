//! Channels that are slowed, locked and opened, and roles that are given.

use crate::commands::{place, text, told, told_to, who};
use crate::sizes;
use crate::town::{Town, until};
use lockdown_events::{Event, ModerationDeed, ModerationEvent};
use lockdown_testkit::fakes::discord::permissions::{
    EVERYBODY, MANAGE_CHANNELS, MANAGE_MESSAGES, MANAGE_ROLES, SEND_MESSAGES,
};
use serde_json::{Value, json};

sizes!(
    a_channel_is_slowed_by_who_may,
    a_lock_is_exact_and_outlives_the_process,
    a_lock_ends_by_itself,
    a_closed_server_opens_as_it_was,
    a_role_is_given_below_ones_own,
);

async fn deeds(town: &Town, count: usize) -> Vec<ModerationDeed> {
    let deed = |event| match event {
        Event::Moderation(ModerationEvent::Deed(deed)) => deed,
        other => panic!("{other:?}"),
    };
    town.heard("moderation:deed", count)
        .await
        .into_iter()
        .map(deed)
        .collect()
}

fn overwrites(town: &Town, channel: u64) -> Value {
    town.discord.channel_json(channel).unwrap()["permission_overwrites"].clone()
}

fn may_speak(town: &Town, channel: u64) -> bool {
    town.discord.may(town.ana, channel, SEND_MESSAGES)
}

async fn a_channel_is_slowed_by_who_may(town: Town) {
    town.start().await;
    let other = town.discord.channel(town.guild, "other");
    until("the channel", || async {
        town.events("guild:update").await.len() >= 2
    })
    .await;
    let options = json!([text("duration", "30"), place(other), text("reason", "too fast")]);
    let said = told(&town, "slowmode", options).await;
    assert_eq!(
        said,
        format!("✅ In <#{other}> everybody may now speak once in 30 seconds")
    );
    assert_eq!(
        town.discord.channel_json(other).unwrap()["rate_limit_per_user"],
        30
    );
    let asked = town.discord.requests_to("PATCH channels/{}").remove(0);
    assert_eq!(asked.audit, Some(format!("{}: too fast", town.owner)));
    let said = told(&town, "slowmode", json!([text("duration", "30s"), place(other)])).await;
    assert!(said.starts_with("ℹ️"), "{said}");
    for wrong in ["7h", "soon", "-1"] {
        let said = told(&town, "slowmode", json!([text("duration", wrong)])).await;
        assert!(said.starts_with("❌ Not done: "), "{said}");
    }
    let said = told_to(
        &town,
        town.ana,
        "slowmode",
        json!([text("duration", "off"), place(other)]),
    )
    .await;
    assert_eq!(
        said,
        format!("❌ Not done: you need the permission Manage Channels in <#{other}>")
    );
    assert_eq!(town.discord.requests_to("PATCH channels/{}").len(), 1);
    // What the bot may not do is not tried.
    let deny =
        json!({ "id": town.bot.to_string(), "type": 1, "allow": "0", "deny": MANAGE_CHANNELS.to_string() });
    town.discord.overwrite(town.channel, vec![deny]);
    let mut said = String::new();
    for _ in 0..100 {
        said = told(&town, "slowmode", json!([text("duration", "off")])).await;
        if said.starts_with('❌') {
            break;
        }
    }
    assert!(
        said.contains("the bot needs the permission Manage Channels"),
        "{said}"
    );
    let deeds = deeds(&town, 1).await;
    let [deed] = &deeds[..] else { panic!("{deeds:?}") };
    assert_eq!(
        (deed.deed.as_str(), deed.after.as_deref()),
        ("slowmode", Some("30"))
    );
    assert_eq!(
        deed.moderator_id.as_ref().unwrap().as_str(),
        town.owner.to_string()
    );
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

async fn a_lock_is_exact_and_outlives_the_process(mut town: Town) {
    let (fans, staff) = (
        town.discord.role(town.guild, "fans", 2, 0),
        town.discord.role(town.guild, "staff", 3, MANAGE_MESSAGES),
    );
    town.discord.give(town.guild, town.ana, fans);
    // Bits that nobody knows, and one that the bot does not have itself.
    let unknown = (1_u128 << 70 | 1 << 6).to_string();
    let as_it_was = vec![
        json!({ "id": town.guild.to_string(), "type": 0, "allow": unknown, "deny": "131072" }),
        json!({ "id": fans.to_string(), "type": 0, "allow": SEND_MESSAGES.to_string(), "deny": "0" }),
        json!({ "id": staff.to_string(), "type": 0, "allow": SEND_MESSAGES.to_string(), "deny": "0" }),
        json!({ "id": town.ana.to_string(), "type": 1, "allow": "0", "deny": "64" }),
    ];
    town.discord.overwrite(town.channel, as_it_was.clone());
    town.start().await;
    assert!(may_speak(&town, town.channel));
    let said = told(&town, "lock", json!([text("reason", "calm down")])).await;
    assert_eq!(said, format!("✅ Locked <#{}>", town.channel));
    assert!(!may_speak(&town, town.channel));
    let locked = overwrites(&town, town.channel);
    assert_eq!(locked.as_array().unwrap()[2..], as_it_was[2..], "staff may speak");
    let written = town.discord.requests_to("PUT channels/{}/permissions/{}").len();
    let said = told(&town, "lock", json!([])).await;
    assert!(
        said.starts_with("ℹ️") && said.contains("locked already"),
        "{said}"
    );
    assert_eq!(
        town.discord.requests_to("PUT channels/{}/permissions/{}").len(),
        written
    );
    town.stop().await;
    town.reopen().await;
    town.start().await;
    let said = told(&town, "lock", json!([])).await;
    assert!(said.contains("locked already"), "{said}");
    assert_eq!(overwrites(&town, town.channel), locked);
    let said = told_to(&town, town.ana, "unlock", json!([])).await;
    assert!(said.contains("you need the permission Manage Channels"), "{said}");
    let said = told(&town, "unlock", json!([])).await;
    assert_eq!(said, format!("✅ Opened <#{}> as it was before", town.channel));
    assert_eq!(overwrites(&town, town.channel), Value::from(as_it_was));
    let said = told(&town, "unlock", json!([])).await;
    assert!(said.contains("was not locked by the bot"), "{said}");
    // Where Discord breaks off in the middle, nothing stays half done.
    town.discord.fail(
        "PUT",
        "permissions",
        8,
        lockdown_testkit::fakes::discord::Fault::Status(502),
    );
    let before = overwrites(&town, town.channel);
    let said = told(&town, "lock", json!([])).await;
    assert!(said.starts_with("❌"), "{said}");
    town.discord.fail_no_more();
    until("the channel as it was", || async {
        overwrites(&town, town.channel) == before
    })
    .await;
    let named: Vec<String> = deeds(&town, 2).await.into_iter().map(|deed| deed.deed).collect();
    assert_eq!(named, ["lock", "unlock"]);
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

async fn a_lock_ends_by_itself(town: Town) {
    town.start().await;
    let said = told(&town, "lock", json!([text("duration", "3s")])).await;
    assert!(
        said.starts_with(&format!("✅ Locked <#{}> until <t:", town.channel)),
        "{said}"
    );
    assert!(!may_speak(&town, town.channel));
    // What somebody changes by hand meanwhile stays.
    let mut by_hand = overwrites(&town, town.channel);
    by_hand[0]["allow"] = json!((1_u64 << 14).to_string());
    town.discord
        .overwrite(town.channel, by_hand.as_array().unwrap().clone());
    until("the end of the lock", || async { may_speak(&town, town.channel) }).await;
    let left = overwrites(&town, town.channel);
    assert_eq!(
        (&left[0]["allow"], &left[0]["deny"]),
        (&json!((1_u64 << 14).to_string()), &json!("0"))
    );
    let deeds = deeds(&town, 2).await;
    assert_eq!(
        (deeds[1].deed.as_str(), &deeds[1].moderator_id),
        ("unlock", &None)
    );
    let thread = town.discord.thread(town.guild, town.channel, "talk");
    until("the thread", || async {
        town.events("guild:update").await.len() >= 2
    })
    .await;
    let said = told(&town, "lock", json!([place(thread)])).await;
    assert!(said.contains("lock its channel"), "{said}");
    town.stop().await;
}

async fn a_closed_server_opens_as_it_was(mut town: Town) {
    let (quiet, news) = (
        town.discord.channel(town.guild, "quiet"),
        town.discord.channel(town.guild, "news"),
    );
    // Nobody speaks there anyway.
    let silent =
        json!({ "id": town.guild.to_string(), "type": 0, "allow": "0", "deny": SEND_MESSAGES.to_string() });
    town.discord.overwrite(news, vec![silent]);
    town.start().await;
    until("the channels", || async {
        !town.events("guild:update").await.is_empty()
    })
    .await;
    let all = [town.channel, quiet, news];
    let before: Vec<Value> = all.iter().map(|channel| overwrites(&town, *channel)).collect();
    told(&town, "lock", json!([place(quiet)])).await;
    let said = told(&town, "lockdown start", json!([text("reason", "raid")])).await;
    assert!(
        said.starts_with("✅ The server is closed: 1 channel was locked"),
        "{said}"
    );
    assert!(all.iter().all(|channel| !may_speak(&town, *channel)));
    let pauses = town.discord.requests_to("PUT guilds/{}/incident-actions");
    assert!(pauses[0].body["invites_disabled_until"].is_string());
    town.stop().await;
    town.reopen().await;
    town.start().await;
    let said = told_to(&town, town.ana, "lockdown end", json!([])).await;
    assert!(said.starts_with("❌"), "{said}");
    let said = told(&town, "lockdown end", json!([])).await;
    assert_eq!(said, "✅ The server is open again: 1 channel was unlocked");
    assert!(
        may_speak(&town, town.channel) && !may_speak(&town, quiet),
        "what was locked alone stays locked"
    );
    told(&town, "unlock", json!([place(quiet)])).await;
    let after: Vec<Value> = all.iter().map(|channel| overwrites(&town, *channel)).collect();
    assert_eq!(after, before);
    let pauses = town.discord.requests_to("PUT guilds/{}/incident-actions");
    assert!(pauses.last().unwrap().body["invites_disabled_until"].is_null());
    let said = told(&town, "lockdown end", json!([])).await;
    assert!(said.contains("is not closed"), "{said}");
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

async fn a_role_is_given_below_ones_own(town: Town) {
    let low = town.discord.role(town.guild, "reader", 2, 0);
    let own = town
        .discord
        .role(town.guild, "helper", 5, MANAGE_ROLES | EVERYBODY);
    let high = town.discord.role(town.guild, "chief", 60, 0);
    let ben = town.discord.person("Ben");
    town.discord.join(town.guild, ben);
    town.discord.give(town.guild, ben, own);
    town.start().await;
    let role = |id: u64| json!({ "name": "role", "type": 8, "value": id.to_string() });
    let said = told_to(&town, ben, "role give", json!([who(town.ana), role(low)])).await;
    assert_eq!(said, format!("✅ Gave <@&{low}> to <@{}>", town.ana));
    assert!(town.discord.has_role(town.guild, town.ana, low));
    for (user, wanted, word) in [
        (ben, own, "your own highest role"),
        (town.owner, high, "the bot's highest role"),
        (town.ana, low, "you need the permission Manage Roles"),
        (ben, town.guild, "no such role"),
    ] {
        let said = told_to(&town, user, "role give", json!([who(town.ana), role(wanted)])).await;
        assert!(said.starts_with("❌") && said.contains(word), "{said}");
    }
    let stranger = town.discord.person("Stranger");
    let said = told(&town, "role give", json!([who(stranger), role(low)])).await;
    assert!(said.contains("is not in this server"), "{said}");
    let said = told(&town, "role take", json!([who(town.ana), role(low)])).await;
    assert_eq!(said, format!("✅ Took <@&{low}> from <@{}>", town.ana));
    assert!(!town.discord.has_role(town.guild, town.ana, low));
    let deeds = deeds(&town, 2).await;
    assert_eq!(deeds[0].deed, "role_give");
    assert_eq!(deeds[0].role_id.as_ref().unwrap().as_str(), low.to_string());
    assert_eq!(deeds[1].user_id.as_ref().unwrap().as_str(), town.ana.to_string());
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

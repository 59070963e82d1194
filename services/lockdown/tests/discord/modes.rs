//! A guild that is closed by the API.

use crate::town::Town;
use lockdown_testkit::fakes::discord::permissions::SEND_MESSAGES;
use serde_json::json;

crate::town::sizes!(a_lockdown_of_the_api_closes_the_guild_and_its_end_opens_it);

async fn a_lockdown_of_the_api_closes_the_guild_and_its_end_opens_it(town: Town) {
    let other = town.discord.channel(town.guild, "other");
    let may = |channel| town.discord.may(town.mallory, channel, SEND_MESSAGES);
    let raise = |mode: &str| Some(json!({ "mode": mode, "duration": "1h" }));
    for _ in 0..2 {
        town.route("raiseMode", raise("lockdown")).await;
        town.until("nobody speaks", || async { !may(town.channel) && !may(other) })
            .await;
        let lockdown = [("mode".to_owned(), "lockdown".to_owned())];
        town.route_of("endMode", lockdown, None).await;
        town.until("everybody speaks", || async { may(town.channel) && may(other) })
            .await;
    }
    // Another mode in its place opens it as well, and closes nothing by itself.
    town.route("raiseMode", raise("lockdown")).await;
    town.until("nobody speaks", || async { !may(town.channel) && !may(other) })
        .await;
    town.route("raiseMode", raise("raid")).await;
    town.until("everybody speaks", || async { may(town.channel) && may(other) })
        .await;
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

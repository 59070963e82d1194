//! What lasts longer than Discord keeps it.

use crate::town::{Size, Town, text, who};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_runtime::{Clock, MockClock};
use lockdown_testkit::fakes::discord::permissions::{BAN_MEMBERS, BOT, SEND_MESSAGES};
use serde_json::json;
use std::time::Duration;
use tokio::task::AbortHandle;

/// What waits for a while, waits by this clock.
const TICK: Duration = Duration::from_millis(10);
/// Nobody looks for so long: less than what is left of a piece when it is renewed.
const STEP: TimeDelta = TimeDelta::days(3);
const PIECE: TimeDelta = TimeDelta::days(28);
/// The same of a closed server, whose invites Discord would open.
const GLANCE: TimeDelta = TimeDelta::hours(2);

#[tokio::test(flavor = "multi_thread")]
async fn embedded_a_long_mute_is_renewed_until_its_exact_end() {
    a_long_mute_is_renewed_until_its_exact_end(Size::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fleet_a_long_mute_is_renewed_until_its_exact_end() {
    a_long_mute_is_renewed_until_its_exact_end(Size::fleet().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_a_closed_server_keeps_its_invites_closed() {
    a_closed_server_keeps_its_invites_closed(Size::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fleet_a_closed_server_keeps_its_invites_closed() {
    a_closed_server_keeps_its_invites_closed(Size::fleet().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_an_end_waits_for_the_right_to_carry_it_out() {
    an_end_waits_for_the_right_to_carry_it_out(Size::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fleet_an_end_waits_for_the_right_to_carry_it_out() {
    an_end_waits_for_the_right_to_carry_it_out(Size::fleet().await).await;
}

/// A clock that goes as fast as any, and can be set forward.
fn clock() -> (Clock, MockClock, AbortHandle) {
    let (clock, time) = Clock::mock(Clock::system().now());
    let ticking = time.clone();
    let ticks = tokio::spawn(async move {
        loop {
            tokio::time::sleep(TICK).await;
            ticking.advance(TimeDelta::from_std(TICK).unwrap());
        }
    });
    (clock, time, ticks.abort_handle())
}

async fn a_long_mute_is_renewed_until_its_exact_end(size: Size) {
    let (clock, time, ticks) = clock();
    let town = Town::build(size, clock.clone()).await;
    let (owner, mallory) = (town.owner, town.mallory);
    let options = json!([who(mallory), text("duration", "60d"), text("reason", "loud")]);
    let said = town.told(owner, "mute", options).await;
    assert!(said.contains("(Case #1)"), "{said}");
    let end = town.decided(1).await["expiresAt"].as_str().unwrap().to_owned();
    let end: DateTime<Utc> = end.parse().unwrap();
    let silent_until = || town.discord.muted_until(town.guild, mallory);
    // Discord counts in milliseconds.
    let is_end = |at: DateTime<Utc>| (end - at).abs() < TimeDelta::milliseconds(1);
    let mut pieces = vec![silent_until().unwrap()];
    while clock.now() + STEP < end {
        time.advance(STEP);
        town.until("it holds until the next look", || async {
            silent_until().is_some_and(|at| at > clock.now() + STEP || is_end(at))
        })
        .await;
        let at = silent_until().unwrap();
        assert!(at <= clock.now() + PIECE, "{at}");
        if pieces.last() != Some(&at) {
            pieces.push(at);
        }
    }
    assert!(is_end(*pieces.last().unwrap()), "{pieces:?} until {end}");
    assert_eq!(pieces.len(), 3, "{pieces:?}");
    assert_eq!(town.discord.direct_messages(mallory).len(), 1, "told once");
    time.advance(end - clock.now());
    town.until("the case is over", || async {
        town.decided(1).await["state"] == "lifted"
    })
    .await;
    assert!(silent_until().is_none_or(|at| at <= clock.now()));
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
    ticks.abort();
}

async fn a_closed_server_keeps_its_invites_closed(size: Size) {
    let (clock, time, ticks) = clock();
    let town = Town::build(size, clock.clone()).await;
    let speaks = || town.discord.may(town.mallory, town.channel, SEND_MESSAGES);
    let said = town
        .told(town.owner, "lockdown start", json!([text("duration", "3d")]))
        .await;
    assert!(said.starts_with("✅ The server is closed"), "{said}");
    let end = clock.now() + TimeDelta::days(3);
    let closed_until = || -> Option<DateTime<Utc>> {
        let pauses = town.discord.requests_to("PUT guilds/{}/incident-actions");
        let until = &pauses.last()?.body["invites_disabled_until"];
        until.as_str().map(|at| at.parse().unwrap())
    };
    let mut pieces = vec![closed_until().unwrap()];
    while clock.now() + GLANCE < end {
        time.advance(GLANCE);
        let last = end - TimeDelta::minutes(5);
        town.until("they are closed until the next look", || async {
            closed_until().is_some_and(|at| at > (clock.now() + GLANCE).min(last))
        })
        .await;
        let at = closed_until().unwrap();
        assert!(
            at <= clock.now() + TimeDelta::days(1),
            "Discord takes a day at most: {at}"
        );
        if pieces.last() != Some(&at) {
            pieces.push(at);
        }
    }
    assert!(pieces.len() > 3 && !speaks(), "{pieces:?}");
    time.advance(end - clock.now() + TimeDelta::minutes(5));
    town.until("it is open again", || async {
        closed_until().is_none() && speaks()
    })
    .await;
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
    ticks.abort();
}

/// The end of a ban for which the bot has no right any more.
async fn an_end_waits_for_the_right_to_carry_it_out(size: Size) {
    let (clock, time, ticks) = clock();
    let town = Town::build(size, clock.clone()).await;
    let (discord, mallory) = (&town.discord, town.mallory);
    let options = json!([who(mallory), text("duration", "1h"), text("reason", "loud")]);
    let said = town.told(town.owner, "ban", options).await;
    assert!(said.contains("(Case #1)"), "{said}");
    let role = discord.roles(town.guild, town.bot)[0];
    discord.permit(town.guild, role, BOT & !BAN_MEMBERS);
    time.advance(TimeDelta::hours(2));
    let failed = town.decided(2).await;
    assert_eq!(
        (&failed["state"], &failed["action"]),
        (&json!("failed"), &json!("unban"))
    );
    assert_eq!(town.decided(1).await["state"], "applied");
    let unbans = || discord.requests_to("DELETE guilds/{}/bans/{}").len();
    let asked = unbans();
    for _ in 0..6 {
        time.advance(TimeDelta::minutes(30));
        // Long enough for somebody to look at what is due.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(discord.is_banned(town.guild, mallory));
    assert_eq!((unbans(), discord.invalid_requests()), (asked, 0));
    discord.permit(town.guild, role, BOT);
    time.advance(TimeDelta::hours(1));
    town.until("the ban ends by itself", || async {
        !discord.is_banned(town.guild, mallory)
    })
    .await;
    town.until("the case is over", || async {
        town.decided(1).await["state"] == "lifted"
    })
    .await;
    town.stop().await;
    ticks.abort();
}

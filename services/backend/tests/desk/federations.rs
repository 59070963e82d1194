//! What a federation bans becomes a case in every guild, whatever happens in between.

use crate::house::{House, PATIENCE, user};
use lockdown_events::{GuildId, Platform, RequestError, RouteRequest};
use lockdown_moderation::desk::Ranks;
use lockdown_moderation::hands::RouteAnswer;
use lockdown_moderation::{Rank, Rights, UserRef};
use lockdown_store::federations::{Federation, FederationId};
use lockdown_store::guilds::{Guild, GuildKey};
use lockdown_store::people::{IdentityId, PersonId, Seen};
use lockdown_store::{StoreError, in_read, in_tx};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

crate::house::sizes!(what_was_begun_is_ended_by_who_comes_after);

const GUILDS: [&str; 3] = ["100", "200", "300"];

impl House {
    /// A federation of these guilds, that somebody owns.
    async fn federation(&self, owner: &str) -> FederationId {
        let now = self.ctx.clock.now();
        let id = || self.ctx.ids.next();
        let seen = Seen {
            platform: Platform::Discord,
            native_id: user(owner),
            username: None,
            display_name: None,
            is_bot: false,
            at: now,
        };
        let new = (PersonId(id()), IdentityId(id()));
        let ids = GUILDS.map(|_| GuildKey(id()));
        let federation = FederationId(id());
        in_tx!(self.store, |tx| {
            let owner = tx.see(&seen, new).await?;
            let made = Federation {
                id: federation,
                platform: Platform::Discord,
                name: "Squares".into(),
                owner_id: owner.id,
                reasons_required: false,
                owner_told: false,
                version: 0,
                created_at: now,
            };
            tx.insert_federation(&made).await?;
            let first = tx.guild_by_key(self.guild).await?.unwrap();
            for (native_id, id) in GUILDS.iter().zip(ids) {
                let guild = Guild {
                    id,
                    native_id: GuildId::new(native_id).unwrap(),
                    ..first.clone()
                };
                let guild = tx.save_guild(&guild).await?;
                tx.join_federation(guild.id, federation, now).await?;
            }
            Ok::<_, StoreError>(())
        })
        .unwrap();
        federation
    }

    async fn by(&self, who: &str, route: &str, of: FederationId, body: Value) -> Result<RouteAnswer, String> {
        let question = RouteRequest {
            platform: Platform::Discord,
            guild_id: GuildId::new("100").unwrap(),
            moderator_id: user(who),
            route: route.to_owned(),
            params: [
                ("federationId".to_owned(), of.to_string()),
                ("userId".to_owned(), "666".to_owned()),
            ]
            .into(),
            query: [].into(),
            if_match: None,
            body: Some(body),
            key: None,
        };
        match self.bus.requests().ask("route", &question, PATIENCE).await {
            Ok(answer) => Ok(answer),
            Err(lockdown_bus::AskError::Refused(RequestError { code, .. })) => Err(code),
            Err(other) => panic!("{other}"),
        }
    }

    /// Waits until nothing lies in the outbox: one who dies over it is followed when its lease ends.
    async fn all_is_told(&self) {
        let telling = async {
            while in_read!(self.store, |conn| { conn.outbox_waiting().await }).unwrap() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let told = tokio::time::timeout(PATIENCE, telling).await;
        told.expect("what is decided is told");
    }

    async fn with_a_case(&self) -> usize {
        let guilds = in_read!(self.store, |conn| { conn.guilds().await }).unwrap();
        let mut cases = 0;
        for guild in guilds {
            let found = in_read!(self.store, |conn| { conn.case_by_number(guild.id, 1).await });
            cases += usize::from(found.unwrap().is_some());
        }
        cases
    }
}

/// Everybody is a plain member, and the bot may do everything.
fn everybody() -> Ranks {
    Ranks {
        doer: Rank::PLAIN,
        subject: Rank::PLAIN,
        bot: Some(UserRef::new(Platform::Discord, user("99"))),
        bot_rank: Rank::Member {
            position: 9,
            administrator: false,
            rights: Rights::ALL,
        },
        ..Ranks::UNKNOWN
    }
}

/// Nobody can say how the person stands, so no guild bans them yet; then the process ends, and the next one does in all of them
/// what was recorded before, each once.
async fn what_was_begun_is_ended_by_who_comes_after(mut house: House) {
    let id = house.federation("1").await;
    house.decide(Ranks::UNKNOWN).await;
    let reason = json!({ "reason": "spam" });
    let refused = house.by("11", "banInFederation", id, reason.clone()).await;
    assert_eq!(refused.unwrap_err(), "not_lead");
    let banned = house.by("1", "banInFederation", id, reason).await.unwrap();
    assert_eq!(
        (banned.status, &banned.body.unwrap()["guilds"]),
        (201, &json!(GUILDS.len()))
    );
    house.all_is_told().await;
    assert_eq!(house.with_a_case().await, 0);
    house.again().await;
    house.decide(everybody()).await;
    let mut told = BTreeSet::new();
    for _ in GUILDS {
        let (_, decision) = house.told().await;
        assert_eq!(decision.reason.as_deref(), Some("federation Squares: spam"));
        assert_eq!((decision.user_id.as_str(), decision.case_number), ("666", 1));
        told.insert(decision.guild_id.to_string());
    }
    assert_eq!(told, GUILDS.map(str::to_owned).into());
    // Its end meets each of these cases, and nothing else was decided meanwhile.
    let lifted = house.by("1", "unbanInFederation", id, Value::Null).await;
    assert_eq!(lifted.unwrap().body.unwrap()["guilds"], GUILDS.len());
    for _ in GUILDS {
        let (_, decision) = house.told().await;
        assert_eq!((decision.case_number, decision.lifts_case_number), (2, Some(1)));
    }
    house.stop().await;
}

//! How often somebody may ask.

use crate::house::House;

pub(crate) async fn who_asks_too_often_waits(mut house: House) {
    let said = house.get("viewer", "/me").await;
    said.is(200);
    assert_eq!(said.headers["ratelimit-policy"], "\"token\";q=100000;w=10");
    house.again(&[("LOCKDOWN_API_RATE", Some("1"))]).await;
    let mut taken = 0;
    let refused = loop {
        let said = house.get("viewer", "/me").await;
        if said.status != 200 {
            break said;
        }
        taken += 1;
        assert!(taken < 100, "nothing is refused");
    };
    assert!(taken >= 10, "{taken}");
    refused.is_problem(429, "rate_limited");
    assert!(
        refused.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
            >= 1
    );
    assert!(
        refused.headers["ratelimit"]
            .to_str()
            .unwrap()
            .starts_with("\"token\";r=0;t=")
    );
    // Each token has a bucket of its own.
    house.get("owner", "/me").await.is(200);
    let mut wrong = 0;
    while house.get("a-guess", "/me").await.status == 401 {
        wrong += 1;
        assert!(wrong < 1000, "guessing is never stopped");
    }
    assert!(wrong >= 60, "{wrong}");
    let guess = house.get("a-guess", "/me").await;
    guess.is_problem(429, "rate_limited");
    assert!(
        guess.headers["ratelimit-policy"]
            .to_str()
            .unwrap()
            .starts_with("\"address\"")
    );
}

//! Real servers: they start, keep what they promise through a `kill -9`, and leave nothing behind.

#[cfg(test)]
mod fleet {
    use lockdown_testkit::server::interrupt::Interrupt;
    use lockdown_testkit::server::{port, wire};
    use lockdown_testkit::servers::{
        self, Fsync, PostgresOptions, PostgresServer, RedisOptions, RedisServer, postgres_private,
        redis_private, redis_private_with,
    };
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::path::Path;
    use std::process::Command;

    fn is_running(id: u32) -> bool {
        let id = rustix::process::Pid::from_raw(id.try_into().unwrap()).unwrap();
        rustix::process::test_kill_process(id).is_ok()
    }

    /// Runs one statement with the client that came with the server.
    fn sql(url: &str, statement: &str) -> String {
        let client = servers::postgres_binaries().join("psql");
        let output = Command::new(client)
            .args(["-X", "-A", "-t", "-c", statement, url])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[test]
    fn the_shared_servers_answer() {
        wire::check_redis(&servers::redis_url()).unwrap();
        wire::check_postgres(&servers::postgres_url()).unwrap();
        // Neither is taken for the other.
        assert!(wire::check_postgres(&servers::redis_url()).is_err());
        assert!(wire::check_redis(&servers::postgres_url()).is_err());
    }

    #[test]
    fn a_redis_answers_on_a_plain_socket() {
        let redis = redis_private();
        let mut socket = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
        socket
            .write_all(b"SET greeting hello\r\nGET greeting\r\n")
            .unwrap();
        let mut answer = [0; 16];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+OK\r\n$5\r\nhello\r\n");
    }

    #[test]
    fn a_durable_redis_keeps_its_data_through_a_kill() {
        let mut redis = redis_private_with(RedisOptions::append_only(Fsync::Always));
        redis.command(&["SET", "kept", "yes"]).unwrap();
        let (url, killed) = (redis.url(), redis.id().unwrap());
        redis.kill9().unwrap();
        assert!(!is_running(killed));
        assert!(redis.command(&["PING"]).is_err());
        redis.restart().unwrap();
        assert_eq!(redis.command(&["GET", "kept"]).unwrap(), "yes");
        assert_eq!(redis.url(), url);
    }

    #[test]
    fn a_redis_that_keeps_nothing_forgets() {
        let mut redis = redis_private();
        redis.command(&["SET", "kept", "no"]).unwrap();
        redis.restart().unwrap();
        assert_eq!(redis.command(&["GET", "kept"]).unwrap(), "");
    }

    #[test]
    fn options_reach_redis() {
        let redis = redis_private_with(RedisOptions {
            max_memory: Some(20 << 20),
            settings: vec![("maxmemory-policy".to_owned(), "noeviction".to_owned())],
            ..RedisOptions::append_only(Fsync::EverySecond)
        });
        let info = redis.command(&["INFO"]).unwrap();
        for expected in [
            "maxmemory:20971520",
            "maxmemory_policy:noeviction",
            "aof_enabled:1",
        ] {
            assert!(
                info.lines().any(|line| line == expected),
                "no {expected} in {info}"
            );
        }
    }

    #[test]
    fn a_wrong_option_is_shown_with_the_words_of_redis() {
        let options = RedisOptions {
            settings: vec![("maxmemroy".to_owned(), "1".to_owned())],
            ..RedisOptions::default()
        };
        let started = RedisServer::start(
            &servers::redis_binary(),
            options,
            &servers::directory(),
            &Interrupt::default(),
        );
        let error = format!("{:#}", started.unwrap_err());
        assert!(error.contains("maxmemroy"), "{error}");
    }

    #[test]
    fn nothing_is_left_of_a_redis() {
        let redis = redis_private();
        let (id, directory) = (redis.id().unwrap(), redis.directory().to_owned());
        assert!(is_running(id) && directory.exists());
        drop(redis);
        assert!(!is_running(id) && !directory.exists());
    }

    #[test]
    fn nothing_is_left_of_a_redis_after_a_panic() {
        let panic = std::thread::spawn(|| {
            let redis = redis_private();
            std::panic::resume_unwind(Box::new((redis.id().unwrap(), redis.directory().to_owned())));
        });
        let known = panic
            .join()
            .unwrap_err()
            .downcast::<(u32, std::path::PathBuf)>()
            .unwrap();
        assert!(!is_running(known.0) && !known.1.exists());
    }

    #[test]
    fn a_server_outlives_the_thread_that_started_it() {
        let redis = std::thread::spawn(redis_private).join().unwrap();
        assert_eq!(redis.command(&["PING"]).unwrap(), "PONG");
    }

    /// The first port is taken, and the one who has it says nothing.
    fn taken_then_free() -> (TcpListener, impl FnMut() -> anyhow::Result<u16>) {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut taken = Some(holder.local_addr().unwrap().port());
        (holder, move || taken.take().map_or_else(port::free, Ok))
    }

    #[test]
    fn a_taken_port_is_no_obstacle_to_redis() {
        let (holder, ports) = taken_then_free();
        let redis = RedisServer::start_on(
            ports,
            &servers::redis_binary(),
            RedisOptions::default(),
            &servers::directory(),
            &Interrupt::default(),
        );
        let redis = redis.unwrap();
        assert_ne!(redis.port(), holder.local_addr().unwrap().port());
        assert_eq!(redis.command(&["PING"]).unwrap(), "PONG");
    }

    #[test]
    fn another_redis_on_the_port_is_not_mistaken_for_ours() {
        let other = redis_private();
        let mut ports = [other.port()].into_iter();
        let redis = RedisServer::start_on(
            move || ports.next().map_or_else(port::free, Ok),
            &servers::redis_binary(),
            RedisOptions::default(),
            &servers::directory(),
            &Interrupt::default(),
        );
        assert_ne!(redis.unwrap().port(), other.port());
    }

    #[test]
    fn a_taken_port_is_no_obstacle_to_postgres() {
        let (holder, ports) = taken_then_free();
        let postgres = PostgresServer::start_on(
            ports,
            &servers::postgres_binaries(),
            PostgresOptions::default(),
            &servers::directory(),
            &Interrupt::default(),
        );
        let postgres = postgres.unwrap();
        assert_ne!(postgres.port(), holder.local_addr().unwrap().port());
        assert_eq!(sql(&postgres.url(), "SELECT 6 * 7"), "42");
    }

    #[test]
    fn postgres_keeps_what_was_committed_through_a_kill() {
        let mut postgres = postgres_private();
        let url = postgres.url();
        assert_eq!(
            sql(
                &url,
                "SELECT datcollate || pg_encoding_to_char(encoding) FROM pg_database LIMIT 1"
            ),
            "CUTF8"
        );
        sql(&url, "CREATE TABLE kept AS SELECT 'yes' AS answer");
        let killed = postgres.id().unwrap();
        postgres.kill9().unwrap();
        assert!(!is_running(killed));
        postgres.restart().unwrap();
        assert_eq!(sql(&url, "SELECT answer FROM kept"), "yes");
    }

    #[test]
    fn postgres_lets_nobody_in_without_its_password() {
        let postgres = postgres_private();
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", postgres.port());
        let client = servers::postgres_binaries().join("psql");
        let output = Command::new(client)
            .args(["-w", "-X", "-c", "SELECT 1", &url])
            .output()
            .unwrap();
        assert!(!output.status.success());
    }

    #[test]
    fn nothing_is_left_of_a_postgres() {
        let postgres = postgres_private();
        let (id, directory) = (postgres.id().unwrap(), postgres.directory().to_owned());
        assert!(is_running(id) && Path::exists(&directory));
        drop(postgres);
        assert!(!is_running(id) && !directory.exists());
    }

    #[test]
    fn an_interrupt_ends_a_start() {
        let interrupt = Interrupt::default();
        interrupt.raise();
        let base = servers::directory();
        let started = PostgresServer::start(
            &servers::postgres_binaries(),
            PostgresOptions::default(),
            &base,
            &interrupt,
        );
        let error = started.unwrap_err();
        assert!(
            error.is::<lockdown_testkit::server::interrupt::Interrupted>(),
            "{error:#}"
        );
    }
}
